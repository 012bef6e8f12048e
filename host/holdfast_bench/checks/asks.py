"""An address that is remembered is used: once a node has been online, a name server that does not answer is asked seldom, because asking
keeps the chip from everything else. R13."""

from .laws import Outcome, found, law
from .result import BAD

LONG_MS = 3000      # asking in vain
SELDOM_MS = 50_000  # between two such
FORGETS = ("power", "en", "brownout")


@law
def asks(case):
    if case.plan.get("application") != "streams" or len({e["ip"] for e in case.of("chip", "dial")}) != 1:
        return Outcome({}, [])
    known, before, findings = False, None, []
    for e in case.events:
        kind = e["src"].partition("/")[0]
        if kind == "chip" and (e["ev"] == "reset" and e.get("cause") in FORGETS or e["ev"] == "corrupt"):
            known, before = False, None
        elif kind == "chip" and e["ev"] == "reset":
            before = None
        elif kind == "board" and e["ev"] == "state" and e["new"] == "online":
            known, before = True, None
        elif kind == "chip" and e["ev"] == "block" and e["what"] == "dns" and e["ms"] >= LONG_MS:
            if known and before is not None and e["t"] - e["ms"] - before < SELDOM_MS:
                findings.append(found("asks", BAD, "the name server was asked in vain again after %.1f s, though the broker's address is known"
                                      % ((e["t"] - e["ms"] - before) / 1000), e["t"]))
            before = e["t"]
    return Outcome({}, findings[:3])
