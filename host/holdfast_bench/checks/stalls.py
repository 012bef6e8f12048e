"""The application is never kept waiting: a sample is late by at most 20 ms, but for what the port can only do blocking (DNS), which
the world reports as `block`, and for a hang that a step caused. Virtual time only: a busy machine would be blamed on the firmware."""

from .laws import Outcome, found, law
from .result import BAD
from .timing import TICKS_PERIOD

LIMIT_MS = 20
AROUND_MS = 200  # console and world are two paths to the history


@law
def stalls(case):
    if case.plan.get("application") != "streams":
        return Outcome({}, [])
    kinds = case.plan["config"]["app"]["streams"]
    excused = [(e["t"] - e["ms"] - AROUND_MS, e["t"] + AROUND_MS) for e in case.of("chip", "block")]
    excused += [(e["t"], e["t"] + 120_000) for e in case.of("bench", "fault") if e["fault"] == "watchdog_hang"]
    last, worst, findings = {}, 0, []
    for e in case.of("board", "accept"):
        kind = kinds[e["k"]]
        before = last.get(e["life"])
        if before is not None and e["n"] == before[0] + 1 and e["n"] % kind["burst"] == (1 if kind["burst"] > 1 else 0):
            late = (e["ticks"] - before[1]) % TICKS_PERIOD - kind["period_ms"]
            if late > LIMIT_MS and not any(a <= e["t"] and e["t"] - late <= b for a, b in excused):
                worst = max(worst, late)
                findings.append(found("stalls", BAD, "sample %s:%d came %d ms late" % (e["life"], e["n"], late), e["t"]))
        last[e["life"]] = e["n"], e["ticks"]
    return Outcome({"stall_ms_max": worst}, findings[:5])
