# R31: a reset at any byte of any write loses nothing that was accepted before it; damage is never delivered, what it has spared
# is. The same code runs a sample in `make test` and everything in `make soak`, on the 32-bit interpreter with an ESP32's heap.
import random

from stand_ins import Device

LIMIT_S = 3600
HEAP = "150k"  # an ESP32's; test and firmware are compiled into it as well
QOS = (1, 1, 0, 2)


# What a reset in the midst of the copy leaves behind, upwards or downwards: (byte reached, both images). The port sets the
# length last, so all is read under the old one.
def torn(old, new):
    n = len(old)
    both = bytearray(old)
    for i in range(min(n, len(new))):
        if old[i] != new[i]:
            both[i] = new[i]
            yield bytes(both)  # new up to here, old behind
    both = bytearray(old)
    for i in range(min(n, len(new)) - 1, -1, -1):
        if old[i] != new[i]:
            both[i] = new[i]
            yield bytes(both)


# A life of random operations whose every write, or a sample of them, is torn at every byte. Checks each image by living on it.
class Recorded:
    # sizes: of the block, a new one is drawn at each boot.
    def __init__(self, seed, sample, sizes):
        random.seed(seed)
        self.sample = sample
        self.sizes = sizes
        self.images = self.operations = self.writes = 0
        self.live = {}  # number -> (topic, payload, stamp) of what was accepted and not acknowledged
        self.qos = {}
        self.released = {}  # number -> True: PUBREL may have been sent
        self.gone = {}  # acknowledged, or dropped: may come again, or not
        self.coming = None
        self.device = device = Device(size=sizes[0])
        device.rtc.on_write = self.look

    def look(self, old, new):
        self.writes += 1
        if not old or random.random() >= self.sample:
            return
        state = random.getrandbits(30)
        for image in torn(old, new):
            self.images += 1
            self.check(image)
        random.seed(state)

    def check(self, image):
        device = self.device
        announced = {}  # given up, on its way out
        for first, n, _ in device.drops:
            for seq in range(first, first + n):
                announced[seq] = True
        epochs = device.store.epochs
        other = device.revived(image)
        assert device.store.epochs == epochs, "the block was taken for foreign"
        found = {}
        box = other.box
        while box.load():
            found[box.seq] = (box.topic, bytes(box.payload), box.t)
            assert box.released or box.seq not in self.released, box.seq
            box.take()
        for seq in self.live:
            if seq not in announced:
                assert found.get(seq) == self.live[seq], (seq, self.live[seq], found.get(seq))
        for seq in found:
            if found[seq] != self.live.get(seq) and seq not in self.gone:
                assert self.coming and seq == device.block.next_seq - 1 and found[seq] == self.coming, (seq, found[seq])
        for first, n, why in other.drops:
            for seq in range(first, first + n):
                assert seq in announced or seq not in self.live, (seq, why)
        assert other.box.put("after", b"x", 1, 0) not in self.live

    def run(self, operations):
        device = self.device
        while self.operations < operations:
            self.operations += 1
            box = device.box
            device.clock.t += random.choice((1, 1, 2, 300, 70000))
            what = random.random()
            if what < 0.5:
                self.publish(box)
            elif what < 0.75:
                if len(box.seqs) < 16 and box.load():
                    box.take()
                    box.written()
                    if self.qos[box.seq] == 0:
                        self.give_back(box.seq)
                    box.commit()
            elif what < 0.97 and box.seqs:
                self.acknowledge(box, random.choice(box.seqs))
            else:
                device.size = random.choice(self.sizes)
                device.boot()
        return self

    def publish(self, box):
        device = self.device
        topic = "t%d" % random.randrange(3)
        payload = bytes([random.getrandbits(8) for _ in range(random.choice((4, 4, 20, random.randrange(60))))])
        flags = random.choice(QOS) | (8 if random.random() < 0.1 else 0)
        self.coming = message = (topic, payload, device.clock.t)
        seq = box.put(topic, payload, flags, 0)
        self.coming = None
        for first, n, why in device.drops:
            assert why == "overflow"
            for gone in range(first, first + n):
                self.give_back(gone)
        device.drops = []
        self.live[seq] = message
        self.qos[seq] = flags & 3

    def give_back(self, seq):
        self.gone[seq] = self.live.pop(seq) and True
        old = seq - 400  # more than the block can hold
        for record in (self.gone, self.qos, self.released):
            record.pop(old, None)

    def acknowledge(self, box, seq):
        if self.qos[seq] == 2 and random.random() < 0.5:
            box.received(box.pid_of(seq))
            self.released[seq] = True
        else:
            self.give_back(seq)
            box.ack(box.pid_of(seq))
            box.commit()


def test_a_reset_in_the_midst_of_a_write_loses_nothing():
    done = Recorded(1, 0.2, (1024,)).run(150)
    assert done.images > 1000, done.images


def test_nor_while_the_block_changes_its_size():
    done = Recorded(2, 0.3, (2048, 1024, 700, 1400, 1040)).run(150)
    assert done.images > 500, done.images


def soak(seed, sizes):
    done = Recorded(seed, 1, sizes).run(500)
    print("seed %d: %d operations, %d writes, %d torn images" % (seed, done.operations, done.writes, done.images))
    assert done.writes > 400 and done.images > 30 * done.writes


def test_soak_every_write_of_500_operations_torn_at_every_byte():
    soak(11, (2048,))


def test_soak_every_write_of_500_operations_with_a_small_block():
    soak(12, (1024,))


def test_soak_every_write_of_500_operations_with_changing_sizes():
    soak(13, (2048, 1024, 700, 1400, 1040))


# ---- damage


def filled(size):
    device = Device(size=size)
    live = {}
    spans = {}  # number -> (begin, end) of its record in the block
    for _ in range(random.randrange(5, 60)):
        device.clock.t += random.choice((1, 5, 400))
        message = ("t%d" % random.randrange(3), bytes([random.getrandbits(8) for _ in range(random.randrange(25))]), device.clock.t)
        seq = device.box.put(message[0], message[1], 1, 0)
        live[seq] = message
        spans[seq] = (device.ring.at, device.block.tail)
    for first, n, _ in device.drops:
        for gone in range(first, first + n):
            live.pop(gone)
    device.drops = []
    return device, live, spans


# -> damaged copy, list of (begin, end) of the bytes that differ
def damaged(image):
    new = bytearray(image)
    kind = random.randrange(3)
    at = random.randrange(len(image))
    n = min(random.randrange(1, 120), len(image) - at)
    if kind == 0:
        for _ in range(random.randrange(1, 4)):
            new[random.randrange(len(image))] ^= 1 << random.randrange(8)
    elif kind == 1:
        new[at : at + n] = bytes(n)
    else:
        new[at : at + n] = bytes([random.getrandbits(8) for _ in range(n)])
    return bytes(new)


# One damaged block: only true messages come out, each record that was spared does, each that is missing is reported.
def corrupt(device, live, spans):
    image = device.rtc.data
    bad = damaged(image)
    epochs = device.store.epochs
    other = device.revived(bad)
    if device.store.epochs != epochs:
        device.store.epochs = epochs
        room = len(device.block.area)
        half = (len(image) - room) // 2
        assert bad[room : room + half] != image[room : room + half] and bad[room + half :] != image[room + half :]
        return "headers"
    lost = {}
    for first, n, why in other.drops:
        assert why == "unreadable"
        for seq in range(first, first + n):
            lost[seq] = True
    found = {}
    box = other.box
    while box.load():
        found[box.seq] = True
        message = live.get(box.seq)
        assert message and (box.topic, bytes(box.payload)) == message[:2], "garbage was delivered"
        assert box.t == message[2] or box.t == -1, "a wrong time was delivered"
        box.take()
    for seq in live:
        assert (seq in found) != (seq in lost), (seq, sorted(lost))
        begin, end = spans[seq]
        if bad[begin:end] == image[begin:end]:
            assert seq in found, "an intact record was not found"
    return "lost" if lost else "whole"


def corruptions(seed, n):
    random.seed(seed)
    counts = {"headers": 0, "lost": 0, "whole": 0}
    for i in range(n):
        if i % 50 == 0:
            device, live, spans = filled(random.choice((700, 1024)))
        counts[corrupt(device, live, spans)] += 1
    return counts


def test_damage_is_never_delivered_and_always_reported_and_what_it_spared_is_recovered():
    counts = corruptions(3, 600)
    assert counts["lost"] > 50 and counts["whole"] > 50 and counts["headers"] > 5, counts


def test_soak_a_hundred_thousand_corruptions():
    counts = corruptions(4, 100000)
    print(counts)
    assert counts["lost"] > 10000, counts


# When a write is torn that noted an acknowledgement, nobody can tell whether it held a message: its number is used up. Life goes
# on with a gap in the numbers.
def torn_note(device):
    old = device.rtc.data
    device.box.load()
    device.box.take()
    device.box.ack(device.box.pid)
    device.box.commit()
    new = device.rtc.data
    cut = [i for i in range(len(old)) if old[i] != new[i]][-1]
    return new[:cut] + old[cut:]


def test_life_goes_on_behind_a_number_that_no_message_got():
    for waiting in (1, 2, 6):
        device = Device(size=700)
        sent = []
        for _ in range(waiting):
            sent.append(device.box.put("a", b"x" * 20, 1, 0))
        device = device.revived(torn_note(device))
        assert device.drops == [(waiting + 1, 1, "unreadable")]
        device.drops.clear()
        while not device.drops:
            sent.append(device.box.put("a", b"x" * 20, 1, 0))
        assert device.drops == [(sent[0], 1, "overflow")] and waiting + 1 not in sent, (device.drops, sent)
        device.boot()
        box = device.box
        for seq in sent[1:]:
            assert box.load() and box.seq == seq
            box.take()
            box.ack(box.pid)
        assert not box.load() and box.waiting == 0 and box.block.head_seq == box.block.next_seq


def test_life_goes_on_behind_several_numbers_that_no_message_got():  # R31: one cut after the other
    for cuts in (2, 3, 5):
        device = Device(size=700)
        for _ in range(3):
            device.box.put("a", b"x" * 20, 1, 0)
        for _ in range(cuts):
            device = device.revived(torn_note(device))
            device.block.commit()  # as Node does
        seq = device.box.put("a", b"after", 1, 0)
        assert seq == 4 + cuts
        device.boot()
        assert device.drain()[-1] == (seq, "a", b"after") and device.box.waiting == len(device.box.seqs), cuts
