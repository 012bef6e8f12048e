"""What nodes say outside of envelopes: status, ping and pong, `gone`, replies to commands, and how they pack their payloads (docs/protocol.md).

In the link's thread. Works on the collector that it is given: presence, ledger, time lines. Nothing of this is stored as a message.
"""

import json
from collections import Counter

from ..schema import BadSchema, Schemas

SCHEMAS_MAX = 200       # of one node
GONE_MAX = 64           # ranges of one message
RTT_MAX_MS = 60_000


class Bare:
    def __init__(self, collector):
        self._collector = collector
        self._pinged_ms = {}        # device -> timestamp sent
        self.schemas = Schemas()
        self.new_schemas = []       # (device, topic, text), to be written down
        self._known, self._count = set(), Counter()
        self._own = {"status": self._status, "pong": self._pong, "ping": self._ping, "gone": self._gone, "reply": self._reply}

    def heard(self, device, below, payload, now_ms, kept):
        """True when it was one of these. kept: the broker had it in store."""
        own = self._own.get(below)
        if own:
            own(device, payload, now_ms, kept)
        elif below.startswith("schema/"):
            self.schema(device, below[7:], payload, now_ms, kept)
        else:
            return False
        return True

    def pinged(self, device, now_ms):
        self._pinged_ms[device] = now_ms

    def forget(self, device):
        self._pinged_ms.pop(device, None)

    def _status(self, device, payload, now_ms, kept):
        self._collector.presence.status(device, payload[:64].decode("utf-8", "replace"), now_ms, kept)
        self._collector.changed(device)

    def _pong(self, device, payload, now_ms, kept):
        self._collector.counters.pongs += 1
        sent, told = self._pinged_ms.pop(device, None), _timestamp(payload)
        timed = sent is not None and told is not None and 0 <= now_ms - told < RTT_MAX_MS
        self._collector.presence.pong(device, now_ms, now_ms - told if timed else None)

    def _ping(self, device, payload, now_ms, kept):
        if not kept:
            self._collector.presence.heard(device, now_ms)
            self._collector.link.publish(self._collector.topic_of(device, "cmd/pong"), payload[:200].replace(b"ping", b"pong"))

    def _gone(self, device, payload, now_ms, kept):
        collector = self._collector
        if not kept:
            collector.presence.heard(device, now_ms)
        try:
            said = json.loads(payload)
            epoch, ranges = said["b"], said["r"]
            pairs = [(first, last) for first, last in ranges if type(first) is int and type(last) is int and 0 < first <= last]
            if type(epoch) is not int:
                raise ValueError("b")
        except (ValueError, TypeError, KeyError, RecursionError):
            return collector.refuse("gone: not as in docs/protocol.md", collector.topic_of(device, "gone"), payload)
        n = sum(collector.ledger.gone(device, epoch, first, last, now_ms) for first, last in pairs[:GONE_MAX])
        if n:
            collector.tell(now_ms, device, "gone", "%d messages are gone for good" % n)
            collector.log.warning("messages gone", device=device, epoch=epoch, count=n)

    def _reply(self, device, payload, now_ms, kept):
        if not kept:
            self._collector.presence.heard(device, now_ms)
            self._collector.tell(now_ms, device, "reply", payload[:300].decode("utf-8", "replace"))

    def schema(self, device, below, payload, now_ms, kept):
        """How a node packs the payloads of a topic (R32)."""
        collector = self._collector
        if not kept:
            collector.presence.heard(device, now_ms)
        try:
            known = (device, below, payload.decode("utf-8", "replace"))
            if known in self._known:
                return
            if self._count[device] >= SCHEMAS_MAX:
                raise BadSchema("schema: more than %d of one node" % SCHEMAS_MAX)
            self.schemas.learn(device, below, payload)
        except BadSchema as e:
            return collector.refuse(str(e), collector.topic_of(device, "schema/" + below), payload)
        self._known.add(known)
        self.new_schemas.append(known)
        self._count[device] += 1

    def try_schema(self, device, below, payload, number):
        """A packed message whose schema does not fit is kept as it is, but seen."""
        try:
            if self.schemas.values(device, below, payload, number) is None:
                self._collector.counters.no_schema += 1
        except BadSchema:
            self._collector.counters.misfits += 1

    def command_seen(self, now_ms, device, below):
        """Somebody else's command to a node (our own do not come back under MQTT 5)."""
        if below not in ("cmd/ping", "cmd/pong", "cmd/resend") and device in self._collector.fleet.nodes:
            self._collector.tell(now_ms, device, "command", "%s by somebody else" % below[4:64])


def _timestamp(payload):
    try:
        told = json.loads(payload)["timestamp"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return told if type(told) is int else None
