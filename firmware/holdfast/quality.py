# quality.py - how good a path is, by the round trips and the losses of the node's own traffic (R26), with hysteresis.
# May import: rtt.   Time is handed in.   Blocks: never.   Loaded only with `paths`.
#
# TCP hides what is lost: it shows as a round trip that takes longer than a retransmission time-out. RFC 6298 says what that is: the smoothed
# round trip plus four times its deviation, here at least 200 ms, as Linux has it. So jitter widens the limit, and is not taken for loss.
from micropython import const
from time import ticks_diff, ticks_ms

from .rtt import Rtt

_SAMPLES = const(40)  # of a window: three lost ones are more than 5 %, and come by chance in one window of 130 when 1 % is lost
_FEWEST = const(6)
_WINDOW_MS = const(30000)  # a window with fewer samples ends after that
_LOST_MS = const(200)
_LOST_LEAST = const(3)


class Quality(Rtt):
    # paths: checked settings keep_ms, keep_loss, switch_ms, switch_loss, fall, rise. judged(good): called when a path has become bad (False)
    # or, after `rise` good windows in a row, good (True).
    def __init__(self, floor_ms, ping_floor_ms, probe_floor_ms, paths, judged):
        self._paths = paths
        self._judged = judged
        Rtt.__init__(self, floor_ms, ping_floor_ms, probe_floor_ms)
        self.clear()

    # Another path: nothing is known of it.
    def clear(self):
        self.seen.clear()
        self._set(0)
        self._smooth = None
        self._row = 0  # windows in a row that were good (above 0) or bad (below)
        self.median_ms = self.loss = None  # of the last window; loss in %
        self._begin()

    def _begin(self):
        self._window = []
        self._lost = 0
        self._began = ticks_ms()

    def add(self, ms):
        Rtt.add(self, ms)
        smooth = self._smooth
        if smooth is None:
            self._smooth = ms
            self._deviation = ms // 2
        elif ms > smooth + max(_LOST_MS, 4 * self._deviation):
            self._lost += 1
        else:
            self._deviation += (abs(ms - smooth) - self._deviation) // 4
            self._smooth += (ms - smooth) // 8
        window = self._window
        window.append(ms)
        n = len(window)
        if n >= _SAMPLES or n >= _FEWEST and ticks_diff(ticks_ms(), self._began) >= _WINDOW_MS:
            self._judge(n)

    def _judge(self, n):
        paths = self._paths
        self._window.sort()
        self.median_ms = median = self._window[n // 2]
        self.loss = loss = self._lost * 100 // n
        if abs(median - self._smooth) > _LOST_MS:
            self._smooth = median  # it is slow, and no more lossy than it was
            self._deviation = median // 2
        if median > paths["switch_ms"] or loss > paths["switch_loss"] and self._lost >= _LOST_LEAST:
            self._row = min(self._row, 0) - 1
        elif median < paths["keep_ms"] and loss < paths["keep_loss"]:
            self._row = max(self._row, 0) + 1
        else:
            self._row = 0
        self._begin()
        if self._row == -paths["fall"]:
            self._judged(False)
        elif self._row == paths["rise"]:
            self._judged(True)
