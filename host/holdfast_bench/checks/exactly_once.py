"""QoS 2: a message arrives once. Twice only where the protocol cannot help it: the other arrival was at another broker, the node was
with another broker in between (it keeps the state of one), or the broker's session or the node's memory was lost in between: memory also while the first
one was on its way, which ends when the broker has its PUBREL. R16."""

from bisect import bisect_right

from .laws import Outcome, found, law
from .ledger import numbered
from .result import BAD


@law
def exactly_once(case):
    excuses = [e["t"] for e in case.of("broker", "connect") if not e.get("present", True)]
    memory_lost = [t for times in case.ledger.rtc_lost_at.values() for t in times]
    sessions = [(e["t"], e.get("broker", 0)) for e in case.of("broker", "connect")]
    began = [t for t, _ in sessions]
    arrivals, findings = {}, []
    for e in case.of("broker", "recv"):
        name = numbered(e) if e.get("qos") == 2 else None
        if name is None:
            continue
        connection = bisect_right(began, e["t"])
        before, at = arrivals.get(name), (e["t"], e.get("broker", 0), began[connection - 1] if connection else e["t"])  # and when the connection began that brought it
        if before and before[1] == at[1] and not any(before[0] <= t <= at[0] for t in excuses) and not any(
                before[2] <= t <= at[0] for t in memory_lost) and not any(before[0] <= t <= at[0] and broker != at[1] for t, broker in sessions):
            findings.append(found("exactly_once", BAD, "%s:%d was sent with QoS 2 and arrived twice, %.1f s apart" % (*name, (at[0] - before[0]) / 1000),
                                  e["t"], ["%s:%d" % name]))
        arrivals[name] = at
    return Outcome({}, findings[:5])
