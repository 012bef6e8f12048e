# session.py - one MQTT session over one open transport: CONNECT, window, acknowledgements, heartbeat, subscriptions.
# May import: umqtt.simple, packets, errors, received, afresh, an envelope (envelope or frames); outbox and rtt are handed in.
# Time: now (ticks) is handed in.   Blocks: never: bytes come in by receive(), go out through `out`.
#
# umqtt.simple's MQTTClient keeps the settings and encodes what needs no waiting (PINGREQ, DISCONNECT, QoS 0); everything
# it would wait for, it would wait for blocking, so that is done here.
from micropython import const
from struct import pack, unpack_from
from time import ticks_add, ticks_diff

from umqtt.simple import MQTTClient

from .errors import Fault
from .packets import Out, Parser

_CONNECT = const(0x10)  # first byte of a packet, flags masked
_CONNACK = const(0x20)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_PUBREC = const(0x50)
_PUBREL = const(0x60)
_PUBCOMP = const(0x70)
_SUBSCRIBE = const(0x82)
_SUBACK = const(0x90)
_PINGRESP = const(0xD0)
_QOS = const(3)  # message flags, see topics.py
_RETAIN = const(4)
_URGENT = const(8)
_PID_STATUS = const(65001)  # the session's own packet ids lie above those of messages
_PID_SUBSCRIBE = const(65002)
_PID_NOTE = const(65003)  # and up, 500 in turn
_ANSWERS_MAX = const(64)  # answers that wait for room
_NOTES_MAX = const(32)
_OVERHEAD = const(9)  # bytes of a PUBLISH besides topic and payload, at most
_PROBES = const(3)
_OLD = const(100)  # stamps, after which a message is backlog
_HANDSHAKE_MS = const(15000)  # of TLS: computing takes the chip seconds
_FEW = const(2)  # window for a broker that loses more than 30 % of what it is sent
REFUSALS = ("protocol", "rejected", "rejected", "busy", "auth", "auth")  # by CONNACK code


class Session(MQTTClient):
    # cfg: checked settings. prefix: "<base>/<id>/". owner: told what happens: accepted(session present), sent(seq, dup),
    # acked(number, or (number, boot epoch) of a message of another one), message(topic, payload - None: too long), subscribed(refused patterns).
    def __init__(self, cfg, prefix, outbox, rtt, owner):
        MQTTClient.__init__(self, cfg["id"], "", 1, None, None, cfg["keepalive_s"])
        self.set_last_will(prefix + "status", "offline", True, 1)
        self._cfg = cfg
        self._prefix = prefix
        self._outbox = outbox
        self._rtt = rtt
        self._owner = owner
        self._wrap = None  # makes a message's payload what travels; None: it is bare
        if cfg["envelope"] == "json":
            from .envelope import wrap

            self._wrap = wrap
        elif cfg["envelope"] == "frame":
            from .frames import wrap as wrap_frame

            self._wrap = wrap_frame
        self.out = self.sock = Out(cfg["out_bytes"])
        self.retained = []  # (topic below the prefix, payload) to be told to every broker, ahead of all messages
        self._notes = []  # what is to be told on this connection: (topic, payload, flags)
        self._noted = 0
        self._received = None
        self._good = self._bad = 0  # messages acknowledged, and those whose connection ended before that; the last 64
        self.resume_at = None  # ticks at which pump() goes on with the backlog
        self.stale = False  # is the message that is handed over one that the broker has kept (retained)?
        self.up = self.late = self.proven = self._telling = False

    # A connection to the endpoint `end` is open: puts CONNECT into `out` and, unless the broker is one that waits, the first
    # messages behind it: MQTT 3.1.1 section 3.1.4 allows that.
    def begin(self, now, end):
        self._now = self._since = self._sent_at = self._oldest_at = self._began = now
        self._owed = True  # an answer is due, and has been since _since
        self._pings = self._probes = self._oldest = 0
        self._timed = 0  # packet id whose round trip is being measured
        self._listed = []  # the SUBSCRIBE on its way
        self._answers = []  # (first byte, packet id) that `out` had no room for
        self._telling = False  # is the last status on its way?
        self._held = end.waits()
        self.patience = end.patience_ms + (_HANDSHAKE_MS if end.broker.get("tls") else 0)
        self.up = self.late = False
        self.proven = False  # something was acknowledged on this connection
        self._count(0, len(self._outbox.seqs))
        self._free = self._cfg["burst"]  # messages that the window does not hold back, nor the pace of the backlog
        self.resume_at = None
        self._outbox.rewind()
        self.out.clear()
        self._introduce(end)
        self._notes = []
        for topic, payload in self.retained:
            self._notes.append((topic, payload, _RETAIN | 1))
        self.pump(now)

    def _introduce(self, end):
        self._parser = Parser(self._packet, self._puback, self._cfg["in_bytes"])
        out = self.out
        texts = [self.client_id, self.lw_topic, self.lw_msg]
        flags = 0x2E if end.clean else 0x2C  # will, QoS 1, retained; clean session off
        user = end.broker["user"]
        if user:
            flags |= 0xC0
            texts += [user, end.broker["password"] or ""]
        texts = list(map(str.encode, texts))
        out.head(_CONNECT, 10 + 2 * len(texts) + len(b"".join(texts)))
        out.write(b"\0\4MQTT\4" + bytes((flags,)))
        out.u16(self.keepalive)
        for s in texts:
            out.string(s)
        self._status("online")

    def _status(self, text):
        return self._publish(self.lw_topic.encode(), text.encode(), _RETAIN | 1, _PID_STATUS, 0)

    # Tells the receivers something that is no message: bare, without a number, once, and only while connected - and while it does not have to
    # wait behind too much else: whoever asks without reading the answers gets none. payload: str or bytes.
    def note(self, topic, payload, flags=1):
        if self.up and len(self._notes) < _NOTES_MAX:
            if isinstance(payload, str):
                payload = payload.encode()
            self._notes.append((topic, payload, flags))

    def _count(self, good, bad):
        self._good += good
        self._bad += bad
        if self._good + self._bad > 64:
            self._good >>= 1
            self._bad >>= 1

    # May one more message go? R51: the first ones of a connection at once, then what the window allows; little where much is lost.
    def _may(self, on_their_way):
        if self._bad * 10 > (self._good + self._bad) * 3 and self._bad > 4:
            return on_their_way < _FEW
        if not self.up:  # QoS 0, which awaits nothing, too: a broker that does not answer is not to get a whole spool of it
            on_their_way = self._cfg["burst"] - self._free
        return self._free > 0 or on_their_way < self._cfg["window"]

    # Has the message that the outbox offers to wait? R51: what is old must not flood the broker, or starve what is new.
    def _too_soon(self, box, now):
        if self._free > 0 or box.flags & _URGENT or not self._cfg["drain_per_s"] or box.clock.stamp() - box.t < _OLD:
            return False
        if self.resume_at is not None and ticks_diff(self.resume_at, now) > 0:
            return True
        self.resume_at = ticks_add(now, 1000 // self._cfg["drain_per_s"])
        return False

    # Puts as many messages into `out` as window, pace and room allow.
    def pump(self, now):
        while self._answers and self.out.room() >= _OVERHEAD:
            self.out.answer(*self._answers.pop(0))
        if self._held:
            return
        while self._notes:
            topic, payload, flags = self._notes[0]
            if not self._publish((self._prefix + topic).encode(), payload, flags, _PID_NOTE + self._noted % 500, 0) and self.out.end:
                return
            self._noted += 1
            self._notes.pop(0)
        box = self._outbox
        while self._may(len(box.seqs)) and box.load():
            if box.released:
                if not self._release(box.pid):
                    return
            elif self._too_soon(box, now) or box.flags & _QOS == 2 and len(box.seqs) >= self._cfg["window"]:
                return  # of QoS 2, brokers lose what is more than they want at one time (mosquitto: 20), burst or not
            else:
                payload = box.payload
                if self._wrap:
                    payload = self._wrap(box.seq, box.epoch, box.time(), payload, box.schema)
                if not self._publish((self._prefix + box.topic).encode(), payload, box.flags, box.pid, box.dup):
                    if self.out.end:
                        return
                    box.give_up("too_long")
                    continue
            box.take()
            self._free -= 1
            if box.flags & _QOS:
                self._ask(now)
                if not self._timed:
                    self._timed = box.pid
                    self._timed_at = now
            self._owner.sent(box.seq, box.dup)

    # Whether the broker still knows of its PUBREC, its CONNACK says: not before.
    def _release(self, pid):
        if not self.up or self.out.room() < _OVERHEAD:
            return False
        self.out.answer(_PUBREL, pid)
        return True

    # False when it does not fit into what is left of `out`.
    def _publish(self, topic, payload, flags, pid, dup):
        out = self.out
        n = len(topic) + len(payload)
        if out.room() < n + _OVERHEAD:
            return False
        retain = 1 if flags & _RETAIN else 0
        qos = flags & _QOS
        if qos:
            out.head(_PUBLISH | dup << 3 | qos << 1 | retain, n + 4)
            out.string(topic)
            out.u16(pid)
            out.write(payload)
        else:
            self.publish(topic, payload, retain)
        return True

    # Something was put into `out` that will be answered.
    def _ask(self, now):
        self._sent_at = now
        if not self._owed:
            self._owed = True
            self._since = now

    # Is anything still to be answered? Only a question.
    def owed(self):
        return bool(self._outbox.seqs or self._pings or self._listed or self._telling or not self.up)

    # n bytes have come. Raises Fault: protocol, auth, rejected, busy.
    def receive(self, data, n, now):
        self._now = self._since = now
        self._probes = 0
        self.late = False
        self._parser.feed(data, n)
        self._owed = self.owed()

    def _puback(self, pid):
        if pid == self._timed:
            self._timed = 0
            self._rtt.add(ticks_diff(self._now, self._timed_at))
        seq = self._outbox.ack(pid)
        if seq:
            self.proven = True
            self._count(1, 0)
            self._owner.acked(seq)
        elif pid == _PID_STATUS:
            self.proven = True
            self._telling = False

    # One packet other than a PUBACK in one piece. length: of the whole body, of which a long one is only kept in part.
    def _packet(self, op, body, length):
        kind = op & 0xF0
        if kind == _PINGRESP and self.up:
            if self._pings:
                self._pings -= 1
                if not self._pings:
                    self._rtt.add(ticks_diff(self._now, self._ping_at))
            return
        if length < 2 or self.up == (kind == _CONNACK):
            raise Fault("protocol", "packet 0x%02x of %d bytes" % (op, length))
        pid = body[0] << 8 | body[1]
        out = self.out
        if kind == _CONNACK:
            if pid & 255:
                raise Fault(REFUSALS[body[1]] if body[1] < 6 else "protocol", "CONNACK %d" % body[1])
            self.up = True
            self._held = False
            self._owner.accepted(body[0] & 1)
        elif kind == _PUBLISH:
            self._incoming(op, body, length)
        elif kind == _PUBACK or kind == _PUBCOMP:
            self._puback(pid)
        elif kind == _SUBACK:
            asked = self._listed
            if asked and pid == _PID_SUBSCRIBE:
                self._listed = []
                refused = []
                for i in range(len(asked)):
                    # Patterns without an answer of their own are refused, too: nothing will come for them.
                    if i + 2 >= len(body) or body[i + 2] & 0x80:
                        refused.append(asked[i][0])
                self._owner.subscribed(refused)
        elif kind == _PUBREC:
            self._outbox.received(pid)
            self._answer(_PUBREL, pid)
        elif kind == _PUBREL:
            self._inbox().forget(pid)
            self._answer(_PUBCOMP, pid)

    # Answers the peer's packet; when messages fill `out`, as soon as there is room.
    def _answer(self, op, pid):
        if self.out.room() >= _OVERHEAD and not self._answers:
            return self.out.answer(op, pid)
        if len(self._answers) >= _ANSWERS_MAX:
            raise Fault("protocol", "flood")  # it sends what wants answers without reading them
        self._answers.append((op, pid))

    def _incoming(self, op, body, length):
        qos = op >> 1 & 3
        at = 2 + (body[0] << 8 | body[1])
        start = at + 2 if qos else at
        if qos == 3 or start > len(body):
            raise Fault("protocol", "bad packet")
        pid = unpack_from(">H", body, at)[0] if qos else 0
        # Known, but not sent again: another message, of a session that began unseen because its CONNACK was lost.
        if qos < 2 or self._inbox().remember(pid) or not op & 8:
            self.stale = op & 1
            self._owner.message(bytes(body[2:at]), body[start:] if length == len(body) else None)
        if qos:
            self._answer(_PUBACK if qos == 1 else _PUBREC, pid)

    # The memory of incoming QoS 2 messages, loaded only where there are any.
    def _inbox(self):
        if not self._received:
            from .received import Received

            self._received = Received(self._outbox.block)
        return self._received

    # Subscribes to as many of `wanted`, a list of (pattern below the prefix, QoS), as there is room for. Returns the others: they must
    # wait for the answer.
    def subscribe(self, wanted, now):
        out = self.out
        room = out.room() - _OVERHEAD - len(self._prefix) - 7
        n = 0
        body = b""
        if not self._listed:
            for pattern, qos in wanted:
                name = (self._prefix + pattern).encode()
                if len(body) + len(name) > room:
                    break
                body += pack(">H", len(name)) + name + bytes((qos,))
                n += 1
        if n:
            self._listed = wanted[:n]
            out.head(_SUBSCRIBE, 2 + len(body))
            out.u16(_PID_SUBSCRIBE)
            out.write(body)
            self._ask(now)
        return wanted[n:]

    # The session is to end: no message is sent any more, but a last status, if any. DISCONNECT follows when nothing is owed.
    def hold(self, status):
        self._held = True
        if status:
            self._telling = self._status(status)

    # This broker knows nothing of what was on its way, either way: QoS 2 begins anew. both: messages come in with QoS 2, too.
    def forget(self, both):
        from .afresh import afresh

        afresh(self._outbox)
        if both:
            self._inbox().clear()

    # Time has passed: sends a heartbeat or a probe when one is due. Returns the ms until it must be called again.
    # Raises Fault: timeout without CONNACK, gone when nothing has answered, unacked.
    # R12, R13: one late answer makes the link suspect (`late`), any byte clears it; three probes without answer: gone.
    def tick(self, now):
        cfg = self._cfg
        if not self.up:
            left = self.patience - ticks_diff(now, self._began)
            if left <= 0:
                raise Fault("timeout", "no CONNACK")
            return left
        seqs = self._outbox.seqs
        oldest = seqs[0] if seqs else 0
        if oldest != self._oldest:
            self._oldest = oldest
            self._oldest_at = now
        elif oldest and ticks_diff(now, self._oldest_at) > cfg["ack_ms"]:
            raise Fault("unacked", oldest)
        silent = ticks_diff(now, self._since)
        rtt = self._rtt
        if self._owed:
            left = (rtt.suspect_ms if seqs or self._listed else rtt.ping_ms) + self._probes * rtt.probe_ms - silent
            if left > 0:
                return left
            if self._probes == _PROBES:
                raise Fault("gone", "silent for %d ms" % silent)
            self.late = True
            self._probes += 1
            self._heartbeat(now)
            return rtt.probe_ms
        left = min(cfg["ping_s"] * 1000 - silent, cfg["keepalive_s"] * 500 - ticks_diff(now, self._sent_at))
        if left > 0:
            return left
        self._ask(now)
        self._heartbeat(now)
        return rtt.ping_ms

    def _heartbeat(self, now):
        if self.out.room() > 2:
            self.ping()
            self._pings += 1
            self._ping_at = self._sent_at = now
