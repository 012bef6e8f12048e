"""A message arrives twice only where QoS 1 allows it: when its acknowledgement may have been lost.

So between a first and a second arrival there has to have been a break: a reset, a way into or out of online, a fault; or the message went to
flash while it was on its way, and was sent again in its turn.
"""

from .laws import Outcome, found, law
from .result import BAD

# Console and broker are two paths to the history: a break may be recorded a little after what it caused.
SLACK_MS = 2000
# So long may a message be under way before the connection is given up (`ack_ms` as it is by default).
UNDER_WAY_MS = 20_000


@law
def duplicates(case):
    breaks = [e["t"] for e in case.events if _is_break(e)]
    count, unexplained = 0, []
    for m in case.ledger.messages:
        for first, second in zip(m.received_at, m.received_at[1:]):
            count += 1
            to_flash = m.flash_at is not None and first - UNDER_WAY_MS <= m.flash_at <= second
            if not to_flash and not any(first - SLACK_MS <= t <= second + SLACK_MS for t in breaks):
                unexplained.append((second, m.key))
    findings = []
    if unexplained:
        findings.append(found("duplicates", BAD, "%d messages arrived twice although nothing had come between (first: %s)"
                              % (len(unexplained), unexplained[0][1]), unexplained[0][0], [key for _, key in unexplained]))
    return Outcome({"duplicates": count}, findings)


def _is_break(e):
    kind = e["src"].partition("/")[0]
    return (kind == "board" and (e["ev"] == "boot" or e["ev"] == "state" and "online" in (e.get("old"), e.get("new")))
            or kind == "broker" and e["ev"] in ("connect", "disconnect")    # what a connection brings late, its end tells of
            or kind == "chip" and e["ev"] in ("reset", "bite")
            or kind == "bench" and e["ev"] in ("fault", "end"))
