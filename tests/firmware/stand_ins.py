# stand_ins.py - small stand-ins for what the firmware's parts are handed: RTC memory, clock, flash, and an outbox over them.
from holdfast.block import Block
from holdfast.outbox import Outbox
from holdfast.ring import Ring
from holdfast.topics import Topics


class Rtc:
    def __init__(self):
        self.data = b""
        self.writes = 0

    def memory(self, data=None):
        if data is None:
            return self.data
        self.data = bytes(data)
        self.writes += 1


class Clock:
    def __init__(self):
        self.t = 0

    def stamp(self):
        return self.t

    def text(self, stamp):
        return str(stamp)


class Store:
    def __init__(self):
        self.blob = b""
        self.epochs = 0

    def epoch(self):
        self.epochs += 1
        return self.epochs

    def load(self):
        return self.blob

    def save(self, blob):
        self.blob = bytes(blob)


# What survives a reset, and the life that runs on it; boot() begins the next life.
class Device:
    def __init__(self, size=2048, policies=("drop_oldest", "drop_newest", "raise"), window=16):
        self.rtc = Rtc()
        self.store = Store()
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

    def _drop(self, first, n, why):
        self.drops.append((first, n, why))

    # All messages that would be sent now, as (number, topic, payload), without acknowledging any.
    def drain(self):
        found = []
        box = self.box
        while box.load():
            found.append((box.seq, box.topic, bytes(box.payload)))
            box.take()
        return found
