"""The owner of time. Whatever happens later is an event; the only way time passes is `wait` (or the cost of a call, `spend_us`).

VirtualKernel jumps from event to event. WallKernel follows the machine's clock and looks outside (`idle`) while it waits.
May use: heapq. Knows nothing of what the events are about.
"""

from heapq import heapify, heappop, heappush


class WorldError(BaseException):
    """The model was misused: a bug in the bench or in a fake. A BaseException, so that no firmware handler swallows it."""


class ChipReset(BaseException):
    """This life of the chip is over: `kind` (a name in world/power.py), `why` in words, `sleep_ms` for deep sleep.

    Raised out of the wait in which it happened, and again by every later call of the dead life, so that no `finally:` of
    it has an effect.
    """

    def __init__(self, kind, why="", sleep_ms=0):
        super().__init__(kind, why)
        self.kind = kind
        self.why = why
        self.sleep_ms = sleep_ms


# So many cancelled events may lie in the queue, waiting for their instant, before it is cleared of them.
_DEAD_MAX = 64

# An event is a list: due instant, order of making (ties run in that order), function, argument. Its fields go by number
# here, because a name would be looked up every time: this is where a simulation spends its time.


class Kernel:
    """Events in order of their instants. Instants are ms since the world began; beyond 2**30 they are big ints on a 32-bit
    MicroPython: right, only slower."""

    def __init__(self):
        self.now_ms = 0
        self.us = 0           # microseconds beyond now_ms
        self.halted = None    # the ChipReset that ended this life, until revive()
        self.quick_us = 1000  # a call whose cost leaves `us` below this only adds it; 0: something waits to be seen to
        self._queue = []
        self._dead = 0        # events of the queue that were cancelled
        self._made = 0
        self._in_event = False

    def after(self, delay_ms, fn, arg=None):
        """Run fn(arg) in delay_ms (>= 0). Events due at the same instant run in the order they were made. -> event"""
        if delay_ms < 0:
            raise WorldError("an event in the past: %r ms" % delay_ms)
        self._made += 1
        event = [self.now_ms + delay_ms, self._made, fn, arg]
        heappush(self._queue, event)
        return event

    def cancel(self, event):
        """Take an event back; None and events that have run are fine."""
        if event is not None and event[2] is not None:
            event[2] = event[3] = None
            self._dead += 1
            if self._dead > _DEAD_MAX and self._dead * 2 > len(self._queue):
                self._queue[:] = [e for e in self._queue if e[2] is not None]
                heapify(self._queue)
                self._dead = 0

    def next_at_ms(self):
        """The instant of the next event, or None."""
        queue = self._queue
        while queue and queue[0][2] is None:
            heappop(queue)
            self._dead -= 1
        return queue[0][0] if queue else None

    def halt(self, reset):
        """End the chip's life: the firmware's next (or current) call into the world raises `reset`, a ChipReset."""
        if self.halted is None:
            self.halted = reset
            self.quick_us = 0

    def revive(self):
        """The next life begins. Whoever runs the lives calls this after it has caught the ChipReset."""
        self.halted = None
        self.calm()

    def calm(self):
        """Nothing waits for the program any more, unless its life is over."""
        self.quick_us = 1000 if self.halted is None else 0

    def again(self, at_ms, at_us):
        """Whether to ask once more at the instant at which the asking has just come to its end, having begun at (at_ms, at_us), is
        pointless. Then its cost has been charged a second time."""
        return False

    def check(self):
        """Raise the ChipReset of a life that is over."""
        h = self.halted
        if h is not None:
            # A new object each time: a traceback that grows with every raise would fill the heap.
            raise ChipReset(h.kind, h.why, h.sleep_ms)

    def _run_next(self):
        event = heappop(self._queue)
        at, _, fn, arg = event
        if fn is None:
            self._dead -= 1
            return False
        event[2] = event[3] = None
        if at > self.now_ms:
            self.now_ms = at
            self.us = 0
        self._in_event = True
        try:
            fn(arg)
        except Exception as e:
            # The model is wrong. As a plain exception it would come out of the firmware's own call and be handled there.
            raise WorldError("an event of the world failed: %r" % e, e)
        finally:
            self._in_event = False
        return True


class VirtualKernel(Kernel):
    """Time as a number: waiting costs nothing, events happen exactly at their instant."""

    def wait(self, until_ms, ready=None, asked=False):
        """Let time pass until until_ms (None: as long as it takes); True as soon as ready() is true, else False.

        Due events run on the way, ready() is asked before the first (unless it was `asked` just now) and after each. Raises ChipReset when one of them ends
        the chip's life, WorldError when called from an event or when nothing can ever happen.
        """
        if self._in_event:
            raise WorldError("wait() inside an event: events must not block")
        if self.halted is not None:
            self.check()
        if ready is not None and not asked and ready():
            return True
        queue = self._queue
        while queue:
            at = queue[0][0]
            if until_ms is not None and at > until_ms:
                break
            if self._run_next():
                if self.halted is not None:
                    self.check()
                if ready is not None and ready():
                    return True
        if until_ms is None:
            raise WorldError("waiting for ever, and no event is left that could end it")
        if until_ms > self.now_ms:
            self.now_ms = until_ms
            self.us = 0
        return False

    def spend_us(self, n):
        """CPU, bus or UART time that a call costs on the chip; events fall due in it as in any wait. Raises ChipReset."""
        us = self.us + n
        if us < self.quick_us or us < 1000 and self.halted is None:
            self.us = us
            return
        self.wait(self.now_ms + us // 1000)
        self.us = us % 1000

    def again(self, at_ms, at_us):
        us = self.us
        us += us - at_us
        if self.now_ms != at_ms or us >= self.quick_us:
            return False
        self.us = us
        return True


class WallKernel(Kernel):
    """Time by the machine's clock. Events that fall due while the program computes run at its next call, each with its
    own instant as now_ms, so that a chain of them keeps its exact spacing."""

    LOOK_US = 1000        # a busy program looks outside at most this often
    IDLE_MAX_MS = 60000   # keeps the distance between two readings of the clock far below its wrap

    def __init__(self, ticks_us, ticks_diff, idle):
        """ticks_us() and ticks_diff(new, old) as in MicroPython's time; idle(ms) waits for the outside world at most that
        long (0: looks only) and handles what came."""
        super().__init__()
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self._idle = idle
        self._read = ticks_us()
        self._looked = self._read

    def catch_up(self):
        """Bring now_ms up to the clock, running what fell due."""
        t = self._ticks_us()
        us = self.us + self._ticks_diff(t, self._read)
        self._read = t
        target = self.now_ms + us // 1000
        queue = self._queue
        while queue and queue[0][0] <= target and self.halted is None:
            self._run_next()
        self.now_ms = target
        self.us = us % 1000

    def wait(self, until_ms, ready=None, asked=False):
        """As VirtualKernel.wait; with until_ms None it waits for ever if nothing happens."""
        if self._in_event:
            raise WorldError("wait() inside an event: events must not block")
        while True:
            self.catch_up()
            if self.halted is not None:
                self.check()
            if ready is not None and ready():
                return True
            left = self.IDLE_MAX_MS
            if until_ms is not None:
                left = min(left, until_ms - self.now_ms)
                if left <= 0:
                    return False
            at = self.next_at_ms()
            if at is not None:
                left = min(left, max(0, at - self.now_ms))
            self._looked = self._read
            self._idle(left)

    def spend_us(self, n):
        """The program's own speed is its cost; a call that takes a millisecond or more on the chip takes it here too."""
        if self.halted is not None:
            self.check()
        if n >= 1000:
            self.catch_up()
            self.wait(self.now_ms + (self.us + n) // 1000)
        elif self._ticks_diff(self._ticks_us(), self._looked) >= self.LOOK_US:
            self._looked = self._ticks_us()
            if not self._in_event:
                self._idle(0)
                self.catch_up()
                if self.halted is not None:
                    self.check()
