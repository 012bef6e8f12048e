"""No reset loop: the ladder's own resets keep the distance that its setting `reset_after_s` gives, and with 0 there are none."""

from bisect import bisect_right

from . import ontrial
from .laws import Outcome, found, law
from .result import BAD

ORDERED_WITHIN_MS = 10_000
SLACK = 0.9
# Resets of the firmware that are no attempt at healing, by what it says.
ASKED = ("asked for over the broker", "another configuration", "no message got through with the new configuration", "no message got through with the new firmware")
UPDATE = "update "       # "update to 1.2.0"
SAID_WITHIN_MS = 3000


@law
def restless(case):
    after_s = case.plan.get("config", {}).get("reset_after_s", 1800)
    ordered = [e["t"] for ev in ("fault", "end", "command") for e in case.of("bench", ev) if case.action(e.get("of") or e["id"]).get("resets")]
    ordered += [e["t"] for e in case.of("bench", "switch_on")]      # a real board runs already when its run begins
    ordered.sort()
    said = [(e["src"].partition("/")[2], e["t"]) for e in case.of("board", "err") if e.get("code") == "reset" and (e.get("msg") in ASKED or str(e.get("msg")).startswith(UPDATE))]
    said += [(e["src"].partition("/")[2], e["t"]) for e in case.of("phone", "saved")]    # the page of the first set-up says that it will
    trials = ontrial.windows(case)
    last, findings = {}, []
    for e in case.of("chip", "reset"):
        if e.get("cause") not in ("hard", "soft") or ontrial.excused(e, trials) or _within(ordered, e["t"]):
            continue
        board = e["src"].partition("/")[2]
        if any(board == b and t <= e["t"] <= t + SAID_WITHIN_MS for b, t in said):
            continue
        if not after_s:
            findings.append(found("restless", BAD, "%s reset itself although its configuration forbids that" % board, e["t"]))
        elif e["t"] - last.get(board, 0) < after_s * 1000 * SLACK:
            findings.append(found("restless", BAD, "%s reset itself %.0f s after the reset before (or the start), at least %d s are configured"
                                  % (board, (e["t"] - last.get(board, 0)) / 1000, after_s), e["t"]))
        last[board] = e["t"]
    return Outcome({}, findings[:5])


def _within(ordered, t):
    """Was a reset ordered shortly before t? ordered: instants, the first one first."""
    before = bisect_right(ordered, t)
    return before > 0 and t <= ordered[before - 1] + ORDERED_WITHIN_MS
