# watchdog.py - the only place that feeds the watchdog: while every registered task has checked in within its own limit.
# May import: machine, asyncio.   Time: ticks.   Blocks: never.
from asyncio import sleep_ms
from time import ticks_add, ticks_diff, ticks_ms


# One watched task. Calling it checks in.
class Beat:
    def __init__(self, name, limit_ms):
        self.name = name
        self.limit_ms = limit_ms
        self.at = ticks_ms()
        self.task = None  # filled in by whoever starts it: a task that has ended is missed at once

    def __call__(self):
        self.at = ticks_ms()

    # Something is about to block for at most ms (DNS): the check-in counts from then.
    def grace(self, ms):
        self.at = ticks_add(ticks_ms(), ms)


class Watchdog:
    # timeout_ms: 0 for none, as on a desk. on_starve(beat, late_ms): called once when a task is first found missing; None: it has ended.
    def __init__(self, timeout_ms, on_starve):
        self._timeout_ms = timeout_ms
        self._on_starve = on_starve
        self._beats = []
        self._starved = None
        self._wdt = None

    # Registers a task that must check in at least every limit_ms.
    def watch(self, name, limit_ms):
        beat = Beat(name, limit_ms)
        self._beats.append(beat)
        return beat

    def find(self, name):
        for beat in self._beats:
            if beat.name == name:
                return beat
        return None

    def forget(self, name):
        self._beats.remove(self.find(name))

    # The first task that is late or has ended, None when all are well. Only a question.
    def late(self, now):
        for beat in self._beats:
            if beat.task and beat.task.done() or ticks_diff(now, beat.at) > beat.limit_ms:
                return beat
        return None

    # Arms the watchdog; it cannot be disarmed, only stretched.
    def start(self):
        if self._timeout_ms:
            self._arm(self._timeout_ms)

    def _arm(self, ms):
        from machine import WDT

        self._wdt = WDT(timeout=ms)

    # Gives whoever stopped the program time at the REPL before the chip resets into it again.
    def stretch(self, ms):
        if self._wdt:
            self._arm(ms)

    # Feeds if all is well.
    def check(self):
        now = ticks_ms()
        beat = self.late(now)
        if beat is None:
            self._starved = None
            if self._wdt:
                self._wdt.feed()
        elif beat is not self._starved:
            self._starved = beat
            late_ms = ticks_diff(now, beat.at) - beat.limit_ms
            self._on_starve(beat, late_ms if late_ms > 0 else None)

    async def run(self):
        pause = max(self._timeout_ms // 4, 250) if self._timeout_ms else 10000
        while True:
            self.check()
            await sleep_ms(pause)
