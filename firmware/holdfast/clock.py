# clock.py - time stamps that stay right: across resets, deep sleep, the wrap of ticks and the setting of the clock.
# May import: time.   Blocks: never.
#
# A stamp counts 0.1 s since the RTC block was formatted. The chip's clock runs on through every reset that keeps the
# block, so stamps go on too; block.birth_s is what that clock showed at stamp 0. Setting the clock shifts birth_s with it,
# so what was stamped before gets its true time then. A small step corrects drift that has grown since the clock was set
# the time before: stamps in between get their share of it.
from micropython import const
import time

_STAMP_MS = const(100)
_REBASE = const(3600000)  # ms: long before ticks wrap
_STEP = const(2)  # s: what two readings of whole seconds may differ by without anybody having set the clock is less
_DRIFT = const(20)  # a step of at most 1/20 of the time since the last one is drift: the sleep clock is an RC oscillator
_SET = const(1)  # block.flags
_STAMP_MAX = const(0xFFFFFFFE)
# In the resume record: stamp at which the clock was set last; then, where that corrected drift: the minutes in which it
# had grown, and the seconds.
_LAST = const(98)
_LAST_FORM = const(">IHh")


class Clock:
    # Call floor() before the first stamp() that counts: with the stamp of the newest record.
    def __init__(self, block):
        self._block = block
        zero = time.gmtime(0)[0]
        # Seconds from 1970 to the epoch of this port's clock: 0 on a PC, 946684800 on the chip.
        self._offset_s = 946684800 if zero == 2000 else 0
        self._plausible_s = 1704067200 - self._offset_s  # 2024: a clock that shows an earlier time has never been set
        self._ticks = time.ticks_ms()
        now_s = int(time.time())
        if block.fresh:
            block.birth_s = now_s
            block.flags &= ~_SET
        gone = time.time_ns() // 100000000 - block.birth_s * 10
        # Going back, or being set for the first time, the clock does not tell how long it has been: floor() will do.
        if gone < 0 or gone > _STAMP_MAX or (now_s >= self._plausible_s) != block.flags & _SET and not block.fresh:
            gone = 0
        self._stamp = gone
        self.floor(block.head_t)

    # Time cannot have been less than `stamp`: that is on record.
    def floor(self, stamp):
        self._stamp += max(0, stamp - self.stamp())
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
        now_s = int(time.time())
        stamp = self.stamp()
        step = now_s - block.birth_s - stamp // 10
        known = now_s >= self._plausible_s
        if -_STEP < step < _STEP and known == block.flags & _SET:
            return False
        last = block.peek(_LAST, _LAST_FORM)[0]
        gone_s = (stamp - last) // 10
        drift = known and block.flags & _SET and 0 < abs(step) <= gone_s // _DRIFT and abs(step) < 32768
        block.poke(_LAST, _LAST_FORM, stamp, min(gone_s // 60, 65535) if drift else 0, step if drift else 0)
        block.birth_s += step
        block.flags = block.flags & ~_SET | known
        return True

    # A stamp as epoch time in ms, as JSON text: "null" while the clock has never been set, or for -1: not known.
    def text(self, stamp):
        block = self._block
        if stamp < 0 or not block.flags & _SET:
            return "null"
        last, minutes, drift_s = block.peek(_LAST, _LAST_FORM)
        ds = stamp
        if minutes and stamp < last:
            ds -= drift_s * 10 * min((last - stamp) // 10, minutes * 60) // (minutes * 60)
        return self.text_at(block.birth_s, ds)

    # The same for a stamp of an epoch in which the clock showed birth_s at stamp 0.
    def text_at(self, birth_s, stamp):
        return "%d%d00" % (self._offset_s + birth_s + stamp // 10, stamp % 10)

    # Has the clock ever been set?
    def known(self):
        return self._block.flags & _SET
