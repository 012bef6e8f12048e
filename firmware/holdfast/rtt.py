# rtt.py - round trips measured lately, and the time-outs that follow from them (R13).
# May import: nothing.   Time is handed in.   Blocks: never.
from micropython import const

_WINDOW = const(8)  # round trips remembered
_SUSPECT_MAX = const(20000)
_PROBE_MAX = const(5000)


class Rtt:
    # floor_ms: a message without acknowledgement is never suspect before that, ping_floor_ms: a PINGREQ without answer.
    # probe_floor_ms: shortest pause between probes.
    def __init__(self, floor_ms, ping_floor_ms, probe_floor_ms):
        self._floor_ms = floor_ms
        self._ping_floor_ms = ping_floor_ms
        self._probe_floor_ms = probe_floor_ms
        self.seen = []  # the last ones, oldest first
        self._set(0)

    # A round trip was measured.
    def add(self, ms):
        seen = self.seen
        if len(seen) == _WINDOW:
            seen.pop(0)
        seen.append(ms)
        self._set(max(seen))

    # The slowest of the last ones decides: a link that was slow a moment ago may be slow now without being dead.
    def _set(self, worst):
        self.suspect_ms = min(_SUSPECT_MAX, max(self._floor_ms, worst * 4))
        self.ping_ms = min(_SUSPECT_MAX, max(self._ping_floor_ms, worst * 4))
        self.probe_ms = min(_PROBE_MAX, max(self._probe_floor_ms, worst * 2))
        self.worst_ms = worst
