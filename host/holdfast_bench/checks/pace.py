"""Back-off is never quicker than its policy, across resets too: counted from the connections that the world saw being tried. R1, R6, R8.

In the first part of an outage (`quick_ms`) tries are quick by design, but not without limit; later each waits at least for the
shortest pause that policy and jitter allow.
"""

from .laws import Outcome, found, law
from .result import BAD

# The smallest part of a pause that each kind of jitter can leave, in per cent.
LEAST = {"none": 100, "additive": 100, "ten": 90, "equal": 50, "half": 50, "full": 0}
BASE_MS = 1000
QUICK_IN_10_S = 60  # tries in ten seconds, at most, whatever the phase
IMMEDIATE = 4  # tries that may follow each other without a pause when the kind of failure changes
SLACK_MS = 2500  # a reset may round what was left of a pause; an outage is dated to the last arrival


@law
def pace(case):
    config = case.plan.get("config", {})
    if case.plan.get("application") != "streams":
        return Outcome({}, [])
    quick_ms = config.get("quick_ms", 60_000)
    least_ms = BASE_MS * LEAST[config.get("jitter", "equal")] // 100
    findings, tries = [], {}
    useful = sorted([e["t"] for e in case.of("board", "state") if e["old"] in ("online", "suspect") and e["new"] not in ("online", "suspect")]
                    + [e["t"] for e in case.of("chip", "reset") if e.get("cause") in ("power", "en", "brownout")])
    resets = [e["t"] for e in case.of("chip", "reset")] + [e["t"] for e in case.of("chip", "corrupt")]
    for e in case.of("chip", "dial"):
        at = tries.setdefault(e["ip"], [])
        at.append(e["t"])
        if len(at) > QUICK_IN_10_S and e["t"] - at[-1 - QUICK_IN_10_S] < 10_000:
            findings.append(found("pace", BAD, "%d connections to %s were tried within 10 s" % (QUICK_IN_10_S + 1, e["ip"]), e["t"]))
        began = max((t for t in useful if t <= e["t"]), default=0)
        window = at[-2 - IMMEDIATE:]
        if (len(window) == IMMEDIATE + 2 and window[0] - began > quick_ms + SLACK_MS and least_ms
                and window[-1] - window[0] < least_ms * 9 // 10 and not any(window[0] - 1 <= t <= window[-1] for t in resets)):
            findings.append(found("pace", BAD, "%d tries to %s within %d ms, %d s into the outage; the policy allows one every %d ms" % (
                len(window), e["ip"], window[-1] - window[0], (window[0] - began) // 1000, least_ms), e["t"]))
    return Outcome({}, findings[:3])
