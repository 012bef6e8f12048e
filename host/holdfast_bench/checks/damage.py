"""Memory is damaged only by what damages memory: nothing is given up as unreadable in a run that flips no bits and tears no writes. R28."""

from .laws import Outcome, found, law
from .result import BAD

DAMAGING = ("rtc_corrupt", "power_cut_mid_write")


@law
def damage(case):
    if case.plan.get("application") != "streams" or any(a.get("fault") in DAMAGING for a in case.plan.get("actions", [])):
        return Outcome({}, [])
    return Outcome({}, [found("damage", BAD, "%d messages were given up as unreadable, and nothing has damaged any memory" % e.get("n", 1), e["t"])
                        for e in case.of("board", "drop") if e.get("why") == "unreadable"][:3])
