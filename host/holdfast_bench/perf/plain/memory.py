# memory.py - how many messages RTC memory keeps, and what handing one over costs, on whatever interpreter runs this.
import sys

sys.path[:0] = sys.argv[2].split(":")
import time  # noqa: E402

from holdfast.block import Block  # noqa: E402
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


class Clock:
    now = 0  # stamps: tenths of a second

    def check(self):
        return False

    def stamp(self):
        return self.now

    def floor(self, stamp):
        pass


def fill(n):
    block = Block(Rtc(), 2048, lambda: 1)
    topics = Topics(block, lambda: b"", lambda blob: None)
    clock = Clock()
    outbox = Outbox(Ring(block, topics.sizes), topics, clock, ["drop_newest"], 16, lambda first, n, why, epoch: None)
    payload = bytes(n)
    count = 0
    took = []
    while True:
        clock.now += 10  # one a second
        before = time.ticks_us()
        if not outbox.put("sensor/temp", payload, 1, 0):
            return count, took
        took.append(time.ticks_diff(time.ticks_us(), before))
        count += 1


for n in (4, 20):
    count, took = fill(n)
    took.sort()
    print("kept %d %d" % (n, count))
    print("append %d %d" % (n, took[len(took) // 2]))
