"""The world's kernel on an asyncio loop: the model's events happen by the wall clock, next to descriptors and processes.

All of it runs in the loop's thread. May use: world.kernel, asyncio.
"""

from ..world.kernel import WallKernel, WorldError


class LoopKernel(WallKernel):
    """A WallKernel that nobody waits in: the loop calls it when the next event is due."""

    def __init__(self, loop):
        self._loop = loop
        self._timer = None
        self._timer_at_ms = None
        self._running = False
        super().__init__(lambda: int(loop.time() * 1e6), lambda new, old: new - old, None)

    def after(self, delay_ms, fn, arg=None):
        if not self._running:
            self.catch_up()
        event = super().after(delay_ms, fn, arg)
        self._arm()
        return event

    def catch_up(self):
        if self._running:
            return
        self._running = True
        try:
            super().catch_up()
        finally:
            self._running = False
        self._arm()

    def _arm(self):
        at = None if self._running else self.next_at_ms()
        if at is None or (self._timer is not None and self._timer_at_ms <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_ms = at
        passed_us = self.us + self._ticks_us() - self._read
        self._timer = self._loop.call_later(max(0.0, (at - self.now_ms) / 1000 - passed_us / 1e6), self._due)

    def _due(self):
        self._timer = None
        self.catch_up()

    def wait(self, until_ms, ready=None):
        raise WorldError("nothing may block in the twin's loop")
