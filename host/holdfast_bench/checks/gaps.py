"""Gaps as a receiver sees them, by the envelope's epoch and number: for applications that do not number their messages themselves. R20

Weaker than the ledger: a message that the node never numbered, or lost at the very end, leaves no gap.
"""

from ..world.timeline import board_of
from .laws import Outcome, found
from .ledger import envelope
from .result import BAD, UNKNOWN

NAMED_MAX = 8


def gaps(events):
    """Outcome: numbers that neither arrived nor were reported dropped, by board; unknown when nothing numbered arrived at all."""
    seen, dropped, epoch, arrivals = {}, {}, {}, 0
    for e in events:
        board = board_of(e)
        if e["src"] == "broker" and e["ev"] == "recv":
            opened = envelope(e)
            if opened is not None and opened.seq is not None:
                arrivals += 1
                seen.setdefault((board, opened.epoch), {}).setdefault(opened.seq, e["t"])
        elif e["src"].startswith("board/") and e["ev"] == "boot":
            epoch[board] = e.get("epoch")
        elif e["src"].startswith("board/") and e["ev"] == "drop":
            dropped.setdefault((board, epoch.get(board)), set()).update(range(e["i"], e["i"] + e.get("n", 1)))
    if not seen:
        return Outcome({}, [found("gaps", UNKNOWN, "no message with a number arrived in this run, so nothing is shown (envelope \"none\" has none)")])
    findings, lost = [], 0
    for (board, number), arrived in sorted(seen.items(), key=str):
        missing = [i for i in range(min(arrived), max(arrived)) if i not in arrived and i not in dropped.get((board, number), ())]
        lost += len(missing)
        if missing:
            after = max(i for i in arrived if i < missing[0])
            findings.append(found("gaps", BAD, "%s: %d numbers of epoch %s neither arrived nor were reported dropped: %s%s" % (
                board, len(missing), number, ", ".join(map(str, missing[:NAMED_MAX])), " …" if len(missing) > NAMED_MAX else ""), arrived[after],
                ["%s:%s:%d" % (board, number, i) for i in missing]))
    delivered = sum(map(len, seen.values()))
    given_up = sum(i not in seen.get(key, ()) for key, numbers in dropped.items() for i in numbers)
    return Outcome({"accepted": delivered + lost + given_up, "delivered": delivered, "lost": lost, "duplicates": arrivals - delivered,
                    "reported_dropped": given_up}, findings)
