"""A task that was made to hang is missed: the watchdog bites, unless something else ends the life before, be it the supply. R9, R10."""

from .laws import Outcome, found, law
from .resets import HANG_WITHIN_MS
from .result import BAD


@law
def hang(case):
    if case.plan.get("application") != "streams":
        return Outcome({}, [])
    ends = [e["t"] for e in case.of("chip", "reset")] + [e["t"] for e in case.of("chip", "power") if not e["on"]]
    last, findings = case.events[-1]["t"], []
    for e in case.of("bench", "effect"):
        if e.get("ok") and case.action(e["id"]).get("fault") == "watchdog_hang" and e["t"] + HANG_WITHIN_MS <= last:
            if not any(e["t"] - 1000 <= t <= e["t"] + HANG_WITHIN_MS for t in ends):
                findings.append(found("hang", BAD, "a task hung, and the watchdog had not bitten %d s later" % (HANG_WITHIN_MS // 1000), e["t"]))
    return Outcome({}, findings)
