# memory.py - how many messages RTC memory keeps, and what an append costs, on whatever interpreter runs this.
import sys

sys.path[:0] = sys.argv[2].split(":")
import time  # noqa: E402

from holdfast.block import Block  # noqa: E402
from holdfast.ring import Ring  # noqa: E402
from holdfast.topics import Topics  # noqa: E402


class Rtc:
    def __init__(self):
        self.kept = bytearray(2048)

    def memory(self, data=None):
        if data is None:
            return b""
        self.kept[:] = data


def fill(n):
    block = Block(Rtc(), 2048, lambda: 1)
    topics = Topics(block, lambda: b"", lambda blob: None)
    ring = Ring(block, topics.sizes)
    slot = topics.add("sensor/temp", 1, 0, n)
    payload = bytes(n)
    count = t = 0
    took = []
    while True:
        t += 10  # one a second
        before = time.ticks_us()
        if not ring.append(slot, payload, t):
            return count, took
        block.commit()
        took.append(time.ticks_diff(time.ticks_us(), before))
        count += 1


for n in (4, 20):
    count, took = fill(n)
    took.sort()
    print("kept %d %d" % (n, count))
    print("append %d %d" % (n, took[len(took) // 2]))
