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
    active, healed = {}, []  # healed: (instant, not before)
    for e in case.events:
        if e["src"] != "bench":
            continue
        action = case.action(e.get("id")) if e["ev"] == "fault" else {}
        if e["ev"] == "fault" and action.get("momentary"):
            noticed = _noticed(case, e, action)
            if not active and noticed is not None:
                healed.append((e["t"], noticed))  # what was under way may still have come in
        elif e["ev"] == "fault":
            active[e["id"]] = True
        elif e["ev"] == "end" and active.pop(e["of"], None) and not active:
            healed.append((e["t"], e["t"]))
    arrivals = [e["t"] for e in case.of("broker", "recv") if numbered(e)]
    for at, not_before in healed:
        later = [t for t in arrivals if t >= not_before]
        if later:
            yield later[0] - at


def _detections(case):
    for fault in case.of("bench", "fault"):
        noticed = _noticed(case, fault, case.action(fault["id"]))
        if noticed is not None:
            yield noticed - fault["t"]


def _noticed(case, fault, action):
    """When the last of the boards that a fault hit left online while it lasted; None when none did, or a reset was its effect."""
    if action.get("resets"):
        return None
    ends = [e["t"] for e in case.of("bench", "end") if e["of"] == fault["id"]]
    until = ends[0] if ends else case.events[-1]["t"]
    seen = []
    for board in action.get("boards", []):
        left = [e["t"] for e in case.of("board", "state")
                if e["old"] == "online" and e["src"] == "board/" + board and fault["t"] <= e["t"] <= until]
        seen += left[:1]
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
