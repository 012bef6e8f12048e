"""Order: the messages of a stream arrive for the first time in the order in which they were handed over. What was reported dropped
and was on its way all the same may come when it will; so may QoS 2 while a broker withholds acknowledgements, which decide there, and urgent messages once older ones were moved to flash;
and so may QoS 0 that a connection before still carried when it was given up: its last segments may come after the next connection's."""

from bisect import bisect_right

from .laws import Outcome, found, law
from .result import BAD

WITHHOLD = ("acks_lost", "acks_late")


@law
def order(case):
    withheld = any(a.get("fault") in WITHHOLD for a in case.plan.get("actions", []))
    streams = case.plan.get("config", {}).get("app", {}).get("streams", []) if case.of("board", "spool") else []
    urgent = [index for index, stream in enumerate(streams) if stream["urgent"]]
    connects = [e["t"] for e in case.of("broker", "connect")]
    newest, findings = {}, []  # life -> (when, key) of the message that arrived last among those before
    for m in case.ledger.messages:  # by life and number
        if not m.received_at or m.dropped_at is not None or m.qos == 2 and withheld or m.stream in urgent:
            continue
        at = m.received_at[0]
        if m.qos == 0 and (m.accepted_at is None or bisect_right(connects, at) > bisect_right(connects, m.accepted_at)):
            continue
        before = newest.get(m.life)
        if before and at < before[0]:
            findings.append(found("order", BAD, "%s arrived before %s, which was handed over earlier" % (m.key, before[1]), at, [m.key, before[1]]))
        else:
            newest[m.life] = at, m.key
    return Outcome({}, findings[:5])
