"""How long things took: noticing trouble, recovering from it, and the longest stall of the application.

recovery_ms  from the end of a fault to the next message of every board it hit at the broker side; the longest.
detect_ms    from the beginning of a fault to the first state other than online; the longest. None: never left online.
stall_ms_max the longest a sample came late within one life of the application, by the device's own ticks.
"""

from .laws import Outcome, law
from .ledger import numbered

TICKS_PERIOD = 1 << 30  # ticks_ms of the port wraps here


@law
def timing(case):
    return Outcome({"recovery_ms": _longest(_recoveries(case)), "detect_ms": _longest(_detections(case)),
                    "stall_ms_max": _longest(_stalls(case))}, [])


def _longest(values):
    return max(values, default=None)


def _recoveries(case):
    """Only the instant counts at which no fault is left: before it nobody could have recovered."""
    active, healed_at = {}, []
    for e in case.events:
        if e["src"] != "bench":
            continue
        if e["ev"] == "fault" and not case.action(e["id"]).get("momentary"):
            active[e["id"]] = True
        elif e["ev"] == "end" and active.pop(e["of"], None) and not active:
            healed_at.append(e["t"])
    arrivals = [e["t"] for e in case.of("broker", "recv") if numbered(e.get("payload", ""))]
    for at in healed_at:
        later = [t for t in arrivals if t >= at]
        if later:
            yield later[0] - at


def _detections(case):
    left_online = [(e["t"], e["src"].partition("/")[2]) for e in case.of("board", "state") if e.get("old") == "online"]
    for fault in case.of("bench", "fault"):
        action = case.action(fault["id"])
        if action.get("momentary"):
            continue
        ends = [e["t"] for e in case.of("bench", "end") if e["of"] == fault["id"]]
        until = ends[0] if ends else case.events[-1]["t"]
        for board in action.get("boards", []):
            seen = [t for t, name in left_online if name == board and fault["t"] <= t <= until]
            if seen:
                yield seen[0] - fault["t"]


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
