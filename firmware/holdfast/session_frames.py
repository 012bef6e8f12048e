# session_frames.py - the session with a gateway in frames (docs/frames.md, R22, R33), over TCP or UDP. Loaded for brokers that want it.
# May import: session, afresh, frames, errors, json, random; outbox and rtt are handed in.
# Time: now (ticks) is handed in.   Blocks: never.
#
# What the outbox promises holds as with MQTT: a message is kept until the gateway acknowledges it, which has it at the broker then.
from json import dumps
from micropython import const
from random import getrandbits
from struct import pack, unpack_from
from time import ticks_diff

import holdfast.frames as frames
from .afresh import afresh
from .errors import Fault
from .session import REFUSALS, Session

_PIDS = const(65000)  # packet ids of messages; those above are the session's own
_OVERHEAD = const(33)  # of a MESSAGE: frame, flags, epoch, time, length of the topic, number, schema
_QOS = const(3)
_NO_BROKER = const(3)  # code of a WELCOME: as if nobody were there, so it is tried again soon
_DATAGRAM = const(1400)  # bytes that no network cuts in pieces
_AGAIN_MS = const(500)  # over UDP, what is not answered goes out again after this, or four round trips


class FrameSession(Session):
    def __init__(self, cfg, prefix, outbox, rtt, owner):
        Session.__init__(self, cfg, prefix, outbox, rtt, owner)
        self._wrap = None  # the gateway does that
        if len(self.out.buf) > _DATAGRAM:
            self.out.__init__(_DATAGRAM)

    def _introduce(self, end):
        broker = end.broker
        cfg = self._cfg
        self._datagrams = broker["transport"] == "udp"
        self._salt = getrandbits(31) + 1
        self._parser = frames.Decoder(self._frame, cfg["in_bytes"], self._salt)
        self._seen = []
        self._flying = False
        hello = {"id": cfg["id"], "base": cfg["base"], "b": self._outbox.block.epoch, "keepalive_s": cfg["keepalive_s"], "envelope": cfg["envelope"]}
        if broker["user"]:
            hello["user"] = broker["user"]
            hello["password"] = broker["password"] or ""
        self._hello = dumps(hello).encode()
        self._greet()

    # A message that another broker knows of (QoS 2) is sent again: whether that one will go on with it, nobody can say.
    def _greet(self):
        afresh(self._outbox)
        self._again_at = self._now
        self._put(frames.HELLO, self._salt, self._hello, 0)

    # Puts a frame into `out`; there is room.
    def _put(self, kind, seq, payload=b"", salt=None):
        out = self.out
        at = out.end
        n = len(payload)
        out.buf[at + frames.HEAD : at + frames.HEAD + n] = payload
        out.end = frames.seal(out.buf, at, kind, seq, n, self._salt if salt is None else salt)

    # Over UDP one datagram of messages is on its way at a time: so none overtakes another.
    def pump(self, now):
        if not self._datagrams:
            return Session.pump(self, now)
        if not self._flying:
            Session.pump(self, now)
            self._flying = bool(self._outbox.seqs)

    def _status(self, text):
        pass  # the gateway's business

    def _publish(self, topic, payload, flags, pid, dup):
        topic = topic[len(self._prefix) :]
        if self.out.room() < len(topic) + len(payload) + _OVERHEAD:
            return False
        box = self._outbox
        marks = flags & _QOS | (flags & 4) | dup << 3
        if pid > _PIDS:
            body = frames.message(marks, 0, 0, topic, payload)
        else:
            t = box.time()
            body = frames.message(marks, box.epoch, 0 if t == "null" else int(t), topic, payload, box.schema, box.seq)
        self._put(frames.MESSAGE, pid, body)
        return True

    def receive(self, data, n, now):
        self._now = self._since = now
        self._probes = 0
        self.late = False
        self._parser.feed(data, n)
        if not self._outbox.seqs:
            self._flying = False
        self._owed = self.owed()

    def _frame(self, kind, seq, payload):
        if kind == frames.ACK:
            self._puback(seq)
            for i in range(0, len(payload) - 3, 4):
                self._puback(unpack_from(">I", payload, i)[0])
        elif kind == frames.WELCOME:
            if not self.up:
                if payload[0] == _NO_BROKER:
                    raise Fault("refused", "the gateway has no broker")
                if payload[0]:
                    raise Fault(REFUSALS[payload[0]] if payload[0] < 6 else "protocol", "WELCOME %d" % payload[0])
                self.up = True
                self._held = False
                self._owner.accepted(payload[1])
        elif kind == frames.MESSAGE:
            self._arrived(seq, payload)
        elif kind == frames.PONG:
            if self._pings:
                self._pings -= 1
                if not self._pings:
                    self._rtt.add(ticks_diff(self._now, self._ping_at))
        elif kind == frames.PING:
            self._answer(frames.PONG, seq, bytes(payload))
        elif kind == frames.SUBSCRIBED:
            asked = self._listed
            self._listed = []
            if asked:
                self._owner.subscribed([asked[i][0] for i in range(min(len(payload), len(asked))) if payload[i] & 0x80])
        elif kind == frames.BYE:
            raise Fault("closed", str(payload, "utf-8"))

    # A message from the gateway: handed over once, acknowledged each time.
    def _arrived(self, seq, body):
        try:
            flags, _, _, topic, payload, _, _ = frames.open_message(body)
        except ValueError as e:
            raise Fault("protocol", e)
        seen = self._seen
        if seq not in seen:
            if flags & _QOS:
                seen.append(seq)
                if len(seen) > 32:
                    seen.pop(0)
            self._owner.message(self._prefix.encode() + topic, payload)
        if flags & _QOS:
            self._answer(frames.ACK, seq)

    def _answer(self, kind, seq, payload=b""):
        if self.out.room() < len(payload) + frames.OVERHEAD:
            raise Fault("protocol", "flood")
        self._put(kind, seq, payload)

    def subscribe(self, wanted, now):
        body = b""
        n = 0
        if not self._listed:
            for pattern, qos in wanted:
                one = pack("BB", qos, len(pattern)) + pattern.encode()
                if self.out.room() < len(body) + len(one) + frames.OVERHEAD:
                    break
                body += one
                n += 1
        if n:
            self._put(frames.SUBSCRIBE, 0, body)
            self._listed = wanted[:n]
            self._again_at = now
            self._ask(now)
        return wanted[n:]

    def hold(self, status):
        self._held = True

    def disconnect(self):
        self._put(frames.BYE, 0)

    # As Session.tick. Over UDP also repeats what was not answered.
    def tick(self, now):
        left = Session.tick(self, now)
        if not self._datagrams or not self._owed:
            return left
        pause = max(_AGAIN_MS, self._rtt.worst_ms * 4)
        since = ticks_diff(now, self._again_at)
        if since < pause:
            return min(left, pause - since)
        self._again_at = now
        if not self.up:
            self._outbox.rewind()
            self._flying = False
            self.out.clear()
            self._greet()
        elif self._listed and self.out.room() > 300:
            wanted = self._listed
            self._listed = []
            self.subscribe(wanted, now)
        seqs = self._outbox.seqs
        if seqs and seqs[0] == self._oldest and ticks_diff(now, self._oldest_at) >= pause:
            self._outbox.rewind()  # pump() sends them again, marked as such
            self._flying = False
            self._timed = 0  # an acknowledgement may now be one of either
        return min(left, pause)

    def _heartbeat(self, now):
        if self.out.room() >= frames.OVERHEAD:
            self._put(frames.PING, self._pings)
            self._pings += 1
            self._ping_at = self._sent_at = now
