"""How long things took: noticing trouble, recovering from it, and the longest stall of the application.

recovery_ms  from the end of a fault to the next message of every board it hit at the broker side; the longest.
detect_ms    from the beginning of a fault to the first state other than online; the longest. None: never left online.
stall_ms_max the longest a sample came late within one life of the application, by the device's own ticks.
"""

from bisect import bisect_left

from .laws import Outcome, law
from .ledger import numbered

TICKS_PERIOD = 1 << 30  # ticks_ms of the port wraps here


@law
def timing(case):
    trouble = _Trouble(case)
    return Outcome({"recovery_ms": _longest(_recoveries(case, trouble)), "detect_ms": _longest(_detections(case, trouble)),
                    "stall_ms_max": _longest(_stalls(case))}, [])


def _longest(values):
    return max(values, default=None)


def _recoveries(case, trouble):
    """Only the instant counts at which no fault is left: before it nobody could have recovered."""
    active, healed = {}, []  # healed: (instant, not before)
    for e in case.events:
        if e["src"] != "bench":
            continue
        action = case.action(e.get("id")) if e["ev"] == "fault" else {}
        if e["ev"] == "fault" and action.get("momentary"):
            noticed = trouble.noticed(e, action)
            if not active and noticed is not None:
                healed.append((e["t"], noticed))  # what was under way may still have come in
        elif e["ev"] == "fault":
            active[e["id"]] = True
        elif e["ev"] == "end" and active.pop(e["of"], None) and not active:
            healed.append((e["t"], e["t"]))
    arrivals = [e["t"] for e in case.of("broker", "recv") if numbered(e)]
    for at, not_before in healed:
        later = bisect_left(arrivals, not_before)
        if later < len(arrivals):
            yield arrivals[later] - at


def _detections(case, trouble):
    for fault in case.of("bench", "fault"):
        noticed = trouble.noticed(fault, case.action(fault["id"]))
        if noticed is not None:
            yield noticed - fault["t"]


class _Trouble:
    """When faults end, and when each board left online."""

    def __init__(self, case):
        self._over = case.events[-1]["t"] if case.events else 0
        self._ends, self._left = {}, {}
        for e in case.of("bench", "end"):
            self._ends.setdefault(e["of"], e["t"])
        for e in case.of("board", "state"):
            if e["old"] == "online":
                self._left.setdefault(e["src"].partition("/")[2], []).append(e["t"])

    def noticed(self, fault, action):
        """When the last of the boards that a fault hit left online while it lasted; None when none did, or a reset was its effect."""
        if action.get("resets"):
            return None
        until = self._ends.get(fault["id"], self._over)
        seen = []
        for board in action.get("boards", []):
            left = self._left.get(board, [])
            first = bisect_left(left, fault["t"])
            if first < len(left) and left[first] <= until:
                seen.append(left[first])
        return max(seen, default=None)


def _stalls(case):
    sample_ms = case.plan.get("sample_ms")
    last = {}
    for e in case.of("board", "accept"):
        if "ticks" not in e or not sample_ms:
            continue
        before = last.get(e["life"])
        if before is not None and e["n"] == before[0] + 1:
            yield max(0, (e["ticks"] - before[1]) % TICKS_PERIOD - sample_ms)
        last[e["life"]] = (e["n"], e["ticks"])
