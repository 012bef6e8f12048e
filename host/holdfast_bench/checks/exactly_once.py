"""QoS 2: a message arrives once. Twice only where the protocol cannot help it: the first arrival was at another broker, or the
broker's session or the node's memory was lost in between. R16."""

from .laws import Outcome, found, law
from .ledger import numbered
from .result import BAD


@law
def exactly_once(case):
    excuses = [e["t"] for e in case.of("broker", "connect") if not e.get("present", True)]
    excuses += [t for times in case.ledger.rtc_lost_at.values() for t in times]
    twos = {found_[0]: True for e in case.of("broker", "recv") if e.get("qos") == 2 for found_ in [numbered(e)] if found_}
    findings = []
    for m in case.ledger.messages:
        if m.life in twos and len(m.received_at) > 1:
            for first, second in zip(m.received_at, m.received_at[1:]):
                if not any(first <= t <= second for t in excuses):
                    findings.append(found("exactly_once", BAD, "%s was sent with QoS 2 and arrived twice, %.1f s apart"
                                          % (m.key, (second - first) / 1000), second, [m.key]))
    return Outcome({}, findings[:5])
