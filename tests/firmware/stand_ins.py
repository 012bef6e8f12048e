# stand_ins.py - small stand-ins for what the firmware's parts are handed: RTC memory, clock, flash, and an outbox over them.
from holdfast.block import Block
from holdfast.outbox import Outbox
from holdfast.ring import Ring
from holdfast.topics import Topics

_DROPS = 106  # of the resume record, docs/rtc-format.md


class Rtc:
    def __init__(self, data=b""):
        self.data = data
        self.writes = 0
        self.on_write = None  # called with the block before and after a write

    def memory(self, data=None):
        if data is None:
            return self.data
        old = self.data
        self.data = bytes(data)
        self.writes += 1
        if self.on_write:
            self.on_write(old, self.data)


class Clock:
    def __init__(self):
        self.t = 0

    def stamp(self):
        return self.t

    def floor(self, stamp):
        self.t = max(self.t, stamp)

    def check(self):
        return False

    def text(self, stamp):
        return str(stamp)

    def text_at(self, birth_s, stamp):
        return "old %d" % stamp

    def known(self):
        return False


class Store:
    def __init__(self):
        self.blob = b""
        self.epochs = 0
        self.worn = (0, 0, 0, 0)

    def epoch(self):
        self.epochs += 1
        return self.epochs

    def load(self):
        return self.blob

    def save(self, blob):
        self.blob = bytes(blob)

    def wear(self):
        return self.worn

    def save_wear(self, *values):
        self.worn = values


# What survives a reset, and the life that runs on it; boot() begins the next life.
class Device:
    # image: what the RTC memory holds at first.
    def __init__(self, size=2048, policies=("drop_oldest", "drop_newest", "raise"), window=16, image=b"", store=None):
        self.rtc = Rtc(image)
        self.store = store or Store()
        self.clock = Clock()
        self.size = size
        self.policies = policies
        self.window = window
        self.drops = []
        self.boot()

    def boot(self):
        self.block = Block(self.rtc, self.size, self.store.epoch)
        self.topics = Topics(self.block, self.store.load, self.store.save)
        self.ring = Ring(self.block, self.topics.sizes)
        self.box = Outbox(self.ring, self.topics, self.clock, self.policies, self.window, self._drop)
        return self.box

    # Another device in the same state but for its RTC memory, which is `image`.
    def revived(self, image):
        return Device(self.size, self.policies, self.window, image, self.store)

    def _drop(self, first, n, why, epoch):
        self.drops.append((first, n, why))

    # All messages that would be sent now, as (number, topic, payload), without acknowledging any.
    def drain(self):
        found = []
        box = self.box
        while box.load():
            found.append((box.seq, box.topic, bytes(box.payload)))
            box.take()
        return found


# A device that counts what is given up where events.py does.
class Counting(Device):
    def _drop(self, first, n, why, epoch):
        Device._drop(self, first, n, why, epoch)
        self.block.poke(_DROPS, ">H", self.counted() + n)

    def counted(self):
        return self.block.peek(_DROPS, ">H")[0]

    def revived(self, image):
        other = Counting(self.size, self.policies, self.window, image, self.store)
        other.clock.t = self.clock.t
        return other

    # Without the number that perhaps no message got, where a header was torn.
    def given_up(self):
        return self.counted() - sum([n for _, n, why in self.drops if why == "unreadable"])


# An endpoint as a session sees it. broker: its settings.
class End:
    def __init__(self, broker, patient=False, clean=False, patience_ms=5000):
        self.broker = broker
        self.patience_ms = patience_ms
        self.waits = lambda: patient
        self.clean = clean
