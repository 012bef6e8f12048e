"""Order: the messages of a stream arrive for the first time in the order in which they were handed over. What was reported dropped
and was on its way all the same may come when it will; so may QoS 2 while a broker withholds acknowledgements, which decide there, and urgent messages once older ones were moved to flash;
so may QoS 0 that a connection before still carried when it was given up: its last segments may come after the next connection's; and so may what was
too old when a newer one went: it is passed over until it is the oldest, and a node that loses its clock before that sends it after all."""

from bisect import bisect_right

from .laws import Outcome, found, law
from .result import BAD

WITHHOLD = ("acks_lost", "acks_late")


@law
def order(case):
    withheld = any(a.get("fault") in WITHHOLD for a in case.plan.get("actions", []))
    streams = case.plan.get("config", {}).get("app", {}).get("streams", [])
    urgent = [index for index, stream in enumerate(streams) if stream["urgent"]] if case.of("board", "spool") else []
    connects = [e["t"] for e in case.of("broker", "connect")]
    newest, findings = {}, []  # life -> (when, the message) that arrived last among those before
    for m in case.ledger.messages:  # by life and number
        if not m.received_at or m.dropped_at is not None or m.qos == 2 and withheld or m.stream in urgent:
            continue
        at = m.received_at[0]
        if m.qos == 0 and (m.accepted_at is None or bisect_right(connects, at) > bisect_right(connects, m.accepted_at)):
            continue
        before = newest.get(m.life)
        if before and at < before[0] and not _too_old(before[1], at, streams):
            keys = [m.key, before[1].key]
            findings.append(found("order", BAD, "%s arrived before %s, which was handed over earlier" % tuple(keys), at, keys))
        else:
            newest[m.life] = at, m
    return Outcome({}, findings[:5])


def _too_old(m, t, streams):
    ttl_s = streams[m.stream].get("ttl_s", -1) if m.stream is not None and m.stream < len(streams) else -1
    return ttl_s > 0 and m.accepted_at is not None and t - m.accepted_at > ttl_s * 1000
