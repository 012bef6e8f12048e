"""Safe mode: a node keeps still only when so many starts in a row got nowhere as its setting `safe_boots` says, and no longer than
`safe_s`. Starts are the chip's resets, whatever the node counts itself; a life got somewhere when messages still arrived after it had
been online for `useful_ms`. R9, R11."""

from .laws import Outcome, found, law
from .ledger import numbered
from .result import BAD

SAFE_BOOTS, SAFE_S, USEFUL_MS = 8, 900, 10_000     # where the configuration does not say
SPREAD_MS = 5000                # for a clock that runs fast, and the way of what is told


@law
def still(case):
    if not case.plan.get("switches_on", True):
        return Outcome({}, [])
    config = case.plan.get("config", {})
    boots, useful_ms = config.get("safe_boots", SAFE_BOOTS), config.get("useful_ms", USEFUL_MS) + SPREAD_MS
    starts, online_at, findings = {}, {}, []
    for e in case.events:
        kind, _, board = e["src"].partition("/")
        if kind == "chip" and e["ev"] == "reset":
            starts[board] = starts.get(board, 0) + 1
            online_at.pop(board, None)
        elif kind == "board" and e["ev"] == "state" and e["new"] != "suspect" and e["old"] != "suspect":
            online_at[board] = e["t"] if e["new"] == "online" else None
        elif kind == "broker" and e["ev"] == "recv" and numbered(e):
            for each in [e["board"]] if "board" in e else list(starts):
                if online_at.get(each) is not None and e["t"] - online_at[each] > useful_ms:
                    starts[each] = 0
        elif kind == "board" and e["ev"] == "safe" and e.get("on"):
            if not boots or starts.get(board, 0) < boots:
                findings.append(found("still", BAD, "%s keeps still after %d starts that got nowhere, %s" % (
                    board, starts.get(board, 0), "%d are configured" % boots if boots else "though its configuration forbids that"), e["t"]))
    return Outcome({}, findings[:5])


def still_until(case, t):
    """Until when a board keeps still that is found so at t; t when none does."""
    longest_ms = case.plan.get("config", {}).get("safe_s", SAFE_S) * 1000
    until = {}
    for e in case.events:
        if e["t"] > t + SPREAD_MS:
            break
        kind, _, board = e["src"].partition("/")
        if kind == "board" and e["ev"] == "safe" and e.get("on"):
            until[board] = e["t"] + longest_ms + SPREAD_MS
        elif kind == "board" and e["ev"] in ("boot", "safe"):
            until.pop(board, None)
    return max([t, *until.values()])
