# clock.py - time stamps that stay right: across resets, deep sleep, the wrap of ticks and the setting of the clock.
# May import: time.   Blocks: never.
#
# A stamp counts 0.1 s since the RTC block was formatted. The chip's clock runs on through every reset that keeps the
# block, so stamps go on too; block.birth_s is what that clock showed at stamp 0. Setting the clock shifts birth_s with it,
# so what was stamped before gets its true time then.
from micropython import const
import time

_STAMP_MS = const(100)
_REBASE = const(3600000)  # ms: long before ticks wrap
_PLAUSIBLE = const(2024)  # a clock that shows an earlier year has never been set
_SET = const(1)  # block.flags
# Seconds from 1970 to the epoch of this port's clock: 0 on a PC, 946684800 on the chip.
_OFFSET_S = const(946684800)


class Clock:
    def __init__(self, block):
        self._block = block
        self._ticks = time.ticks_ms()
        self._stamp = 0
        now_s = time.time()
        if block.fresh:
            block.birth_s = now_s
        self._stamp = max((now_s - block.birth_s) * 10, block.head_t)
        self.check()

    # The stamp of this moment. Must be called at least every six days, or the wrap of ticks goes unseen.
    def stamp(self):
        gone = time.ticks_diff(time.ticks_ms(), self._ticks)
        if gone > _REBASE:
            n = gone // _STAMP_MS
            self._stamp += n
            self._ticks = time.ticks_add(self._ticks, n * _STAMP_MS)
            gone -= n * _STAMP_MS
        return self._stamp + gone // _STAMP_MS

    # Notices that somebody has set the chip's clock since the last call (NTP, the application), by comparing it with ticks.
    # True when it has. The caller commits the block.
    def check(self):
        block = self._block
        now_s = time.time()
        step = now_s - block.birth_s - self.stamp() // 10
        known = time.gmtime(now_s)[0] >= _PLAUSIBLE
        if -3 < step < 3 and known == block.flags & _SET:
            return False
        block.birth_s += step
        block.flags = block.flags & ~_SET | known
        return True

    # A stamp as epoch time in ms, as JSON text: "null" while the clock has never been set.
    def text(self, stamp):
        block = self._block
        if not block.flags & _SET:
            return "null"
        epoch = _OFFSET_S if time.gmtime(0)[0] == 2000 else 0
        return "%d%d00" % (epoch + block.birth_s + stamp // 10, stamp % 10)
