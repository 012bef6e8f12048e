"""Order: the messages of a stream arrive for the first time in the order in which they were handed over."""

from .laws import Outcome, found, law
from .result import BAD


@law
def order(case):
    newest, findings = {}, []  # life -> (when, key) of the message that arrived last among those before
    for m in case.ledger.messages:  # by life and number
        if not m.received_at:
            continue
        at = m.received_at[0]
        before = newest.get(m.life)
        if before and at < before[0]:
            findings.append(found("order", BAD, "%s arrived before %s, which was handed over earlier" % (m.key, before[1]), at, [m.key, before[1]]))
        else:
            newest[m.life] = at, m.key
    return Outcome({}, findings[:5])
