"""The way down works again, too: when everything is healed, a retained command that waits at every broker, and is
repeated until it is heard, reaches the application. R15, R18."""

from .laws import Outcome, found, law
from .result import BAD

TOPIC = "cmd/healed"


@law
def reached(case):
    cut, drained = case.ledger.cut_at, case.ledger.drained
    if case.plan.get("application") != "streams" or cut is None or drained is None:
        return Outcome({}, [])
    for e in case.events:
        if e["t"] >= cut and e["src"].startswith("board/") and e["ev"] == "heard" and e.get("topic") == TOPIC:
            return Outcome({"reached_ms": e["t"] - cut}, [])
    return Outcome({}, [found("reached", BAD, "a command that waited at the broker did not reach the application until everything had arrived", case.events[-1]["t"])])
