"""Resets, watchdog bites and reconnections, counted; a bite or power loss that no step caused is bad.

Counted from the chip's side (world model or ROM log), not from what the firmware remembers. A restart that the
firmware itself orders (the last rungs of its ladder) is counted, but is no fault of its own.
"""

from . import ontrial
from .laws import Outcome, found, law
from .result import BAD

# A hang may take this long until the watchdog has bitten and the chip has restarted.
ORDERED_WITHIN_MS = 60_000
HANG_WITHIN_MS = 200_000  # a task that hangs is missed at its own limit, and the watchdog bites a time-out later
NEVER_BY_ITSELF = ("wdt", "power", "en", "brownout", "panic")


@law
def resets(case):
    seen, switched_on = [], set()
    asked = {e["board"]: e["t"] for e in case.of("bench", "switch_on")}     # the last time: a board that was just starting may not have heard the first
    for e in case.of("chip", "reset"):
        if e["src"] in switched_on or not case.plan.get("switches_on", True):
            seen.append(e)
        elif e["t"] >= asked.get(_board(e), 0):
            switched_on.add(e["src"])  # the first is the start of the run
    orders = [(e["t"], e["t"] + (HANG_WITHIN_MS if action.get("fault") == "watchdog_hang" else ORDERED_WITHIN_MS), action["boards"]) for ev in ("fault", "end", "command") for e in case.of("bench", ev)
              for action in [case.action(e.get("of") or e["id"])] if action.get("resets")]
    waiting, trials = _waiting(case), ontrial.windows(case)
    unordered = [e for e in seen if e.get("cause") in NEVER_BY_ITSELF and not ontrial.excused(e, trials)
                 and not any(_board(e) in boards and t <= e["t"] <= until for t, until, boards in orders) and not _struck(waiting, e)]
    online = {}
    for e in case.of("board", "state"):
        if e.get("new") == "online" and e.get("old") != "suspect":
            online[e["src"]] = online.get(e["src"], 0) + 1
    numbers = {"resets": len(seen), "watchdog_bites": len(case.of("chip", "bite")),
               "reconnects": sum(max(0, count - 1) for count in online.values())}
    return Outcome(numbers, [found("resets", BAD, "%s restarted (%s) although no step caused it" % (_board(e), e["cause"]), e["t"])
                             for e in unordered])


def _waiting(case):
    """[instant, boards] of the tears that have been set: each strikes at the next write to RTC memory, whenever that is, and once."""
    return [[e["t"], list(action["boards"])] for e in case.of("bench", "fault") for action in [case.action(e["id"])]
            if action.get("fault") == "power_cut_mid_write"]


def _struck(waiting, e):
    """Whether it was a tear that had been set: that one is over then."""
    for entry in waiting:
        if e["cause"] == "panic" and entry[0] <= e["t"] and _board(e) in entry[1]:
            entry[1].remove(_board(e))
            return True
    return False


def _board(e):
    return e["src"].partition("/")[2]
