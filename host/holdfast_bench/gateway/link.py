"""The protocol with one node (docs/frames.md, "Node and gateway"): frames in, frames out. Knows neither sockets nor paho.

Runs in the loop's thread. `wire` offers send(bytes) and close(), and `datagrams`: True where what is not answered has to be repeated.
"""

import collections
import json
import struct

from .. import device_files, frames

LIMIT = 4096            # longest payload of a frame taken from a node
EARLY_MAX = 256         # frames that may come before the broker has answered
ACKS_MAX = 50           # acknowledgements in one frame
REMEMBERED = 256        # numbers of a node by which a repeated message is known
REPEAT_S = 1.0          # over UDP, a message to the node that is not acknowledged goes out again after this
ACCEPTED, UNAVAILABLE = 0, 3
_HELLO = bytes([frames.HELLO])

_json_envelope = device_files.load("envelope").wrap


class Node:
    """What the gateway remembers of a node beyond one connection: which messages the broker has."""

    def __init__(self):
        self.had = collections.OrderedDict()    # (epoch, number) → (salt, sequence) with which it came

    def remember(self, key, how):
        self.had.pop(key, None)
        self.had[key] = how
        while len(self.had) > REMEMBERED:
            self.had.popitem(last=False)


class Link:
    """One connection of a node. `gateway` offers node(prefix) → Node and open(link, hello), which gives it an uplink and answers by
    accepted(), and hears gone(link, why)."""

    def __init__(self, gateway, wire, now_s):
        self._gateway, self._wire = gateway, wire
        self._decoder = frames.Decoder(self._take, LIMIT)
        self.name = None
        self.heard_s = self._born_s = now_s
        self.limit_s = 10.0             # silence after which the node is gone; until HELLO has told
        self.up = self.closed = False
        self.salt = 0
        self._welcome = b""
        self._early = []                # what came behind HELLO, while the broker was asked
        self._held = []                 # what the broker had for the node before that
        self._on_the_way = set()        # sequences published and not acknowledged by the broker
        self._acks = []                 # to be acknowledged at the end of this moment
        self._down = {}                 # our number → [frame, when sent, ack]
        self._next = 1
        self.uplink = None
        self.published = self.delivered = self.repeated = 0

    # -- from the node ---------------------------------------------------------------------------------------------------

    def receive(self, data, now_s):
        self.heard_s = now_s
        if not self._wire.datagrams:
            return self._decoder.feed(data)
        if data[3:4] == _HELLO:
            self._decoder.salt = 0      # repeated, perhaps; what is behind it has the salt again
        self._decoder.feed(data)
        self._decoder.flush()           # a frame does not go on in the next datagram
        self._decoder.salt = self.salt

    def _take(self, kind, seq, payload):
        if self.closed:
            return
        if kind == frames.HELLO:
            return self._hello(seq, bytes(payload))
        if self.salt == 0:
            return                      # nothing counts before HELLO
        if not self.up and kind in (frames.MESSAGE, frames.SUBSCRIBE):
            if len(self._early) == EARLY_MAX:
                return self.close("too much before the WELCOME")
            self._early.append((kind, seq, bytes(payload)))
        elif kind in _HANDLERS:
            _HANDLERS[kind](self, seq, bytes(payload))

    def _hello(self, salt, payload):
        if self.salt:
            self._decoder.salt = self.salt
            if salt == self.salt and self._welcome:
                self._wire.send(self._welcome)      # ours was lost
            return
        try:
            hello = json.loads(payload)
            name, base, keepalive_s = hello["id"], hello["base"], hello["keepalive_s"]
            if not (isinstance(name, str) and isinstance(base, str) and 0 < len(name) <= 32 and 0 < len(base) <= 32 and 0 < keepalive_s <= 3600):
                raise ValueError
            if any(c in name + base for c in "+#/ \0") or not salt:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            return self.close("a HELLO that makes no sense")
        self.salt = self._decoder.salt = salt
        self.name, self.prefix = name, "%s/%s/" % (base, name)
        self.limit_s = keepalive_s * 1.5
        self._epoch = hello.get("b", 0)
        self._envelope = hello.get("envelope", "json")
        self._node = self._gateway.node(self.prefix)
        self._gateway.open(self, hello)

    def accepted(self, code, present):
        """The broker has answered: code of its CONNACK."""
        if self.closed:
            return
        self._welcome = self._frame(frames.WELCOME, self.salt, bytes([code, present]))
        self._wire.send(self._welcome)
        if code:
            return self.close(None)
        self.up = True
        self.uplink.publish(self.prefix + "status", b"online", 1, True, lambda: None)
        held, self._held = self._held, []
        for message in held:
            self.deliver(*message)
        early, self._early = self._early, []
        for kind, seq, payload in early:
            self._take(kind, seq, payload)

    def _message(self, seq, payload):
        try:
            flags, epoch, t, topic, payload, schema, number = frames.open_message(payload)
            topic = topic.decode()
        except ValueError:
            return self.close("a message that makes no sense")
        if not topic or "+" in topic or "#" in topic or "\0" in topic or flags & 3 == 3:
            return self.close("a message that makes no sense")
        key = (epoch, number) if number else None
        this = self.salt, seq       # the same datagram twice is the same message, too
        if key and key in self._node.had and (flags & frames.DUP or self._node.had[key] == this):
            self.repeated += 1
            return self._ack_soon(seq)
        if seq in self._on_the_way:
            return
        self._on_the_way.add(seq)
        self.uplink.publish(self.prefix + topic, self._wrap(number, epoch, t, payload, schema) if number else payload, flags & 3,
                            bool(flags & frames.RETAIN), lambda: self._published(seq, key, this))

    def _wrap(self, seq, epoch, t, payload, schema):
        if self._envelope == "none":
            return payload
        return (frames.wrap if self._envelope == "frame" else _json_envelope)(seq, epoch, str(t or "null"), payload, schema)

    def _published(self, seq, key, this):
        self.published += 1
        self._on_the_way.discard(seq)
        if key:
            self._node.remember(key, this)
        self._ack_soon(seq)

    def _ack_soon(self, seq):
        """Acknowledgements of one moment go together: a node has room for few datagrams at a time."""
        self._acks.append(seq)
        if len(self._acks) == 1:
            self._gateway.soon(self._send_acks)

    def _send_acks(self):
        while self._acks:
            first, *more = self._acks[:ACKS_MAX]
            del self._acks[:ACKS_MAX]
            self._send(frames.ACK, first, struct.pack(">%dI" % len(more), *more))

    def _ack(self, seq, payload):
        for number in (seq, *struct.unpack(">%dI" % (len(payload) // 4), payload[:len(payload) // 4 * 4])):
            waiting = self._down.pop(number, None)
            if waiting:
                self.delivered += 1
                waiting[2]()

    def _ping(self, seq, payload):
        self._send(frames.PONG, seq, payload[:16])

    def _subscribe(self, seq, payload):
        patterns, at = [], 0
        while at + 2 <= len(payload):
            qos, n = payload[at], payload[at + 1]
            patterns.append((self.prefix + payload[at + 2:at + 2 + n].decode("utf-8", "replace"), min(qos, 2)))
            at += 2 + n
        if not patterns or at != len(payload):
            return self.close("a SUBSCRIBE that makes no sense")
        self.uplink.subscribe(patterns, lambda granted: self._send(frames.SUBSCRIBED, seq, bytes(granted)))

    def _bye(self, seq, payload):
        self.close(None, payload.decode("utf-8", "replace")[:60] or "bye")

    # -- to the node -----------------------------------------------------------------------------------------------------

    def deliver(self, topic, payload, qos, retain, ack, now_s):
        """A message of the broker for the node; ack() when it has it."""
        if not self.up:
            self._held.append((topic, payload, qos, retain, ack, now_s))    # behind the WELCOME
            return
        if not topic.startswith(self.prefix) or len(topic) - len(self.prefix) > 255:
            return ack()
        seq, self._next = self._next, self._next + 1
        flags = qos | (frames.RETAIN if retain else 0)
        name = topic[len(self.prefix):].encode()

        def frame(dup):
            return self._frame(frames.MESSAGE, seq, frames.message(flags | (frames.DUP if dup else 0), 0, 0, name, payload))

        if qos:
            self._down[seq] = [frame, now_s, ack]
        else:
            ack()
        self._wire.send(frame(False))

    def _frame(self, kind, seq, payload=b""):
        return frames.encode(kind, seq, payload, self.salt)

    def _send(self, kind, seq, payload=b""):
        if not self.closed:
            self._wire.send(self._frame(kind, seq, payload))

    # -- time and the end ------------------------------------------------------------------------------------------------

    def tick(self, now_s):
        if now_s - self.heard_s > self.limit_s:
            return self.close("silent for %d s" % (now_s - self.heard_s))
        if self._wire.datagrams:
            for waiting in self._down.values():
                if now_s - waiting[1] >= REPEAT_S:
                    waiting[1] = now_s
                    self._wire.send(waiting[0](True))

    def close(self, why, said=None):
        """Ends the connection; why: told to the node (None: it knows). Everything that is not acknowledged stays with its sender."""
        if self.closed:
            return
        if why and self.salt:
            self._send(frames.BYE, 0, why.encode())
        self.closed = True
        self._wire.close()
        self._gateway.gone(self, why or said or "ended")


_HANDLERS = {frames.MESSAGE: Link._message, frames.ACK: Link._ack, frames.PING: Link._ping, frames.SUBSCRIBE: Link._subscribe, frames.BYE: Link._bye}
