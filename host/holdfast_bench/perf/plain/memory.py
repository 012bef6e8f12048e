# memory.py - what RTC memory keeps, and what handing a message over and having it acknowledged cost, on whatever interpreter runs this.
# Prints "<what> <bytes of payload> <value>" a line; round: the loop by which costs are carried over to a chip, see perf/memory.py.
import sys

sys.path[:0] = sys.argv[2].split(":")
import gc  # noqa: E402
import time  # noqa: E402

from holdfast.block import Block  # noqa: E402
from holdfast.clock import Clock  # noqa: E402
from holdfast.outbox import Outbox  # noqa: E402
from holdfast.ring import Ring  # noqa: E402
from holdfast.topics import Topics  # noqa: E402


class Rtc:
    def __init__(self):
        self.kept = bytearray(2048)

    def memory(self, data=None):
        if data is None:
            return b""
        self.kept[:] = data


# A message a second; what the clock costs is the real one's.
class Seconds(Clock):
    now = 0

    def stamp(self):
        Clock.stamp(self)
        return self.now


def device(policy):
    block = Block(Rtc(), 2048, lambda: 1)
    topics = Topics(block, lambda: b"", lambda blob: None)
    return Outbox(Ring(block, topics.sizes), topics, Seconds(block), [policy], 16, lambda first, n, why, epoch: None)


# Time of fn(arg) in µs.
def timed(fn, arg):
    before = time.ticks_us()
    fn(arg)
    return time.ticks_diff(time.ticks_us(), before)


def put(box, payload):
    box.clock.now += 10
    return box.put("sensor/temp", payload, 1, 0)


def kept(n):
    box = device("drop_newest")
    payload = bytes(n)
    count = 0
    while put(box, payload):
        count += 1
    return count


def puts(box):
    for _ in range(50):
        put(box, payload)


def acknowledge(box):
    for seq in list(box.seqs):
        box.ack(box.pid_of(seq))
        box.commit()


class Shelf:
    def __init__(self):
        self.at = 0
        self.rows = bytearray(64)

    def put(self, n):
        at = self.at
        rows = self.rows
        rows[at] = n & 255
        rows[at + 1] = n >> 8 & 255
        self.at = (at + 2) % 64
        return at

    def take(self, at):
        row = self.rows[at : at + 2]
        return row[0] | row[1] << 8


def rounds(n):
    shelf = Shelf()
    total = 0
    for i in range(n):
        at = shelf.put(i)
        if shelf.take(at) != i & 65535:
            raise ValueError("miscounted")
        total = total + at * 3 - 1
    return total


payload = bytes(20)
for n in (2, 4, 20):
    print("kept", n, kept(n))
append, full, ack, loop, heap = [], [], [], [], []
for _ in range(20):
    box = device("drop_oldest")
    put(box, payload)
    gc.collect()
    append.append(timed(puts, box) / 50)
    while not box.dropped:
        put(box, payload)
    gc.collect()
    full.append(timed(puts, box) / 50)
    while len(box.seqs) < 50:
        box.load()
        box.take()
    gc.collect()
    ack.append(timed(acknowledge, box) / 50)
    gc.collect()
    loop.append(timed(rounds, 2000) / 2000)
# The quickest of several: whatever else the machine does only adds to it.
print("append 20", min(append))
print("full 20", min(full))
print("ack 20", min(ack))
print("round 0", min(loop))
box = device("drop_newest")
for i in range(65):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    put(box, payload)
    heap.append(gc.mem_alloc() - before)
    gc.enable()
print("heap 20", max(heap[-10:]))
print("growth 20", max(heap[-10:]) - max(heap[5:15]))
