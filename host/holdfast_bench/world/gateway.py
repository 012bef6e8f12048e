"""The gateway for frames (docs/frames.md) in front of the built-in broker, for the simulation: written from that page, without the
code of `holdfast gateway` or of the firmware, so that each checks the other.

Common subset of CPython and MicroPython. May use: mqtt, a BrokerHost.
"""

import json
from binascii import b2a_base64, crc32
from struct import pack, unpack_from

from . import mqtt

MESSAGE, ACK, HELLO, WELCOME, PING, PONG, SUBSCRIBE, BYE, SUBSCRIBED = 1, 2, 3, 4, 5, 6, 7, 8, 9
RETAIN, DUP, NUMBERED, PACKED = 4, 8, 16, 32
REMEMBERED = 256
REPEAT_MS = 1000        # over UDP, what the node has not acknowledged
UNAVAILABLE = 3


def frame(kind, seq, payload, salt):
    head = pack(">2sBBHI", b"\xf5H", 1, kind, len(payload), seq)
    head += pack(">H", crc32(head, salt) & 0xFFFF) + payload
    return head + pack(">I", crc32(head, salt))


def frames_in(data, salt):
    """([(kind, sequence, payload)], bytes used) of what a peer that makes no mistakes has sent so far. The HELLO tells the salt of what follows."""
    found, at = [], 0
    while len(data) - at >= 16:
        magic, version, kind, n, seq, check = unpack_from(">2sBBHIH", data, at)
        own = 0 if kind == HELLO else salt
        if magic != b"\xf5H" or version != 1 or crc32(data[at:at + 10], own) & 0xFFFF != check:
            raise mqtt.Malformed("no frame")
        end = at + 12 + n
        if len(data) < end + 4:
            break
        if crc32(data[at:end], own) != unpack_from(">I", data, end)[0]:
            raise mqtt.Malformed("a damaged frame")
        found.append((kind, seq, bytes(data[at + 12:end])))
        if kind == HELLO:
            salt = seq
        at = end + 4
    return found, at


class GatewayHost:
    """The gateway's process on the broker's machine, `ip`: TCP and UDP at `port`; follows the broker down."""

    def __init__(self, server, port, ip):
        self.ip = ip
        self.server = server            # the BrokerHost
        self.host = server.host
        self.port = port
        self.had = {}                   # prefix -> {epoch: numbers that the broker has}
        self.links = []
        server.on_stop = self._broker_gone
        self.host.ports[port] = self
        self.host.udp_ports[port] = self

    def accept(self, peer):
        link = Link(self, peer)
        self.links.append(link)
        return link

    def datagram(self, sender, data):
        """For tcp_host: a datagram. Who sends it is told by its socket; a HELLO with another salt is a new connection."""
        for link in self.links:
            if link.sender is sender and (data[3] != HELLO or link.salt == unpack_from(">I", data, 6)[0]):
                break
        else:
            link = Link(self, _Mail(self, sender))
            link.sender = sender
            self.links.append(link)
            self._repeat(link)
        link.feed(data, self.server.kernel.now_ms)

    def _repeat(self, link):
        if link in self.links:
            link.repeat()
            self.server.kernel.after(REPEAT_MS, self._repeat, link)

    def _broker_gone(self):
        for link in list(self.links):
            link.broker_gone()


class _Mail:
    """A peer that is reached by datagrams."""

    def __init__(self, gateway, sender):
        self._gateway, self._sender = gateway, sender

    def write(self, data):
        self._sender.answer(self._gateway.ip, self._gateway.port, data)

    def close(self):
        pass

    def pause(self, on):
        pass

    def backlog(self):
        return 0


class Link:
    """One node. Towards the broker it is a client's wire: what the broker writes comes in by write()."""

    def __init__(self, gateway, peer):
        self._gateway = gateway
        self._peer = peer
        self.salt = 0
        self.sender = None          # the chip's socket, when it is a UDP one
        self._welcome = b""
        self._rest = b""
        self._mqtt = b""
        self._client = None         # the broker's link
        self._early = []
        self._up = False
        self._pid = 0
        self._waiting = {}          # our packet id -> (number, key) published, or the sequence of a SUBSCRIBE
        self._acks = []
        self._handled = []
        self._next = 0
        self._down = {}             # our number -> (packet id of the broker's, the message)

    # -- the node's side -------------------------------------------------------------------------------------------------

    def feed(self, data, now_ms):
        if not self.sender:
            data = self._rest + data
        try:
            found, used = frames_in(data, self.salt)
            self._rest = data[used:]
            for kind, seq, payload in found:
                self._take(kind, seq, payload, now_ms)
        except mqtt.Malformed as e:
            self.close()

    def lost(self, now_ms, why):
        """The node's connection has ended."""
        if self in self._gateway.links:
            self._gateway.links.remove(self)
        if self._client is not None:
            self._client.lost(now_ms, why)      # without DISCONNECT: the broker publishes the last will
            self._client = None

    def _take(self, kind, seq, payload, now_ms):
        self._now_ms = now_ms
        if kind == HELLO:
            self._hello(seq, json.loads(payload), now_ms)
        elif kind == PING:
            self._send(PONG, seq, payload)
            self._say(b"\xc0\x00")     # the broker counts it, too
        elif kind == BYE:
            if self._client is not None:
                self._say(b"\x30" + mqtt.remaining_length(2 + len(self._prefix) + 13) + _text(self._prefix + b"status") + b"offline")
                self._say(b"\xe0\x00")
            self.close()
        elif kind == ACK:
            for number in [seq] + [unpack_from(">I", payload, i)[0] for i in range(0, len(payload), 4)]:
                pid, _ = self._down.pop(number, (None, None))
                if pid is not None:
                    self._say(b"\x40\x02" + pack(">H", pid))
        elif not self._up:
            self._early.append((kind, seq, payload))
        elif kind == MESSAGE:
            self._message(seq, payload)
        elif kind == SUBSCRIBE:
            self._subscribe(seq, payload)

    def _hello(self, salt, hello, now_ms):
        if self.salt:
            if self._welcome:
                self._peer.write(self._welcome)     # ours was lost
            return
        self.salt = salt
        self._prefix = ("%s/%s/" % (hello["base"], hello["id"])).encode()
        self._envelope = hello["envelope"]
        if not self._gateway.server.running():
            self._send(WELCOME, salt, bytes((UNAVAILABLE, 0)))
            self.close()
            return
        body = _text(b"MQTT") + bytes((4, 0x2C | (0xC0 if "user" in hello else 0))) + pack(">H", hello["keepalive_s"])
        body += _text(hello["id"].encode()) + _text(self._prefix + b"status") + _text(b"offline")
        if "user" in hello:
            body += _text(hello["user"].encode()) + _text(hello["password"].encode())
        self._client = self._gateway.server.broker.attach(self, now_ms)
        self._say(b"\x10" + mqtt.remaining_length(len(body)) + body)

    def _message(self, seq, body):
        flags, epoch, high, low, n = unpack_from(">BIHIB", body, 0)
        if self.sender and not flags & DUP:
            if seq in self._handled:
                return              # the same datagram, late or twice
            self._handled = self._handled[-63:] + [seq]
        topic, payload = body[12:12 + n], body[12 + n:]
        key = number = None
        if flags & NUMBERED:
            number = unpack_from(">I", payload, 0)[0]
            payload = payload[4:]
            key = (epoch, number)
        if flags & DUP and number in self._gateway.had.setdefault(self._prefix, {}).get(epoch, ()):
            self._ack_soon(seq)
            return
        if key is not None and self._envelope == "json":
            payload = self._enveloped(number, epoch, high << 32 | low, payload, flags & PACKED)
        elif key is not None and self._envelope == "frame":
            payload = frame(MESSAGE, number, pack(">BIHIB", flags & PACKED, epoch, high, low, 0) + payload, 0)
        qos = flags & 3
        pid = self._new_pid() if qos else 0
        packet = mqtt.publish(self._prefix + topic, payload, qos, flags & RETAIN, pid)
        if qos:
            self._waiting[pid] = (MESSAGE, seq, key)
        self._say(bytes(packet))
        if not qos:
            self._published(seq, key)

    def _enveloped(self, seq, epoch, t, payload, packed):
        """docs/protocol.md, Envelopes."""
        if packed:
            key, text = '"s":%d,"p64"' % payload[0], '"%s"' % str(b2a_base64(payload[1:]), "utf-8").strip()
        else:
            try:
                key, text = '"p"', json.dumps(str(payload, "utf-8"))
            except UnicodeError:
                key, text = '"p64"', '"%s"' % str(b2a_base64(payload), "utf-8").strip()
        return ('{"i":%d,"b":%d,"t":%s,%s:%s}' % (seq, epoch, t or "null", key, text)).encode()

    def _published(self, seq, key):
        if key is not None:
            epoch, number = key
            had = self._gateway.had.setdefault(self._prefix, {}).setdefault(epoch, [])
            had.append(number)
            if len(had) > REMEMBERED:
                had.pop(0)
        self._ack_soon(seq)

    def _ack_soon(self, seq):
        """Acknowledgements of one moment go together: a node has room for few datagrams at a time."""
        self._acks.append(seq)
        if len(self._acks) == 1:
            self._gateway.server.kernel.after(1, self._send_acks, None)

    def _send_acks(self, _):
        acks, self._acks = self._acks, []
        if self in self._gateway.links:
            self._send(ACK, acks[0], b"".join([pack(">I", seq) for seq in acks[1:]]))

    def _subscribe(self, seq, payload):
        wanted, at = b"", 0
        while at < len(payload):
            n = payload[at + 1]
            wanted += _text(self._prefix + payload[at + 2:at + 2 + n]) + payload[at:at + 1]
            at += 2 + n
        pid = self._new_pid()
        self._waiting[pid] = (SUBSCRIBE, seq, None)
        self._say(b"\x82" + mqtt.remaining_length(2 + len(wanted)) + pack(">H", pid) + wanted)

    def _new_pid(self):
        self._pid = self._pid % 65535 + 1
        return self._pid

    def _send(self, kind, seq, payload=b""):
        self._peer.write(frame(kind, seq, payload, self.salt))

    def repeat(self):
        for number in sorted(self._down):
            _, message = self._down[number]
            self._send(MESSAGE, number, bytes((message[0] | DUP,)) + message[1:])

    # -- the broker's side: the wire of broker_link.py --------------------------------------------------------------------

    def _say(self, packet):
        if self._client is not None:
            self._client.feed(packet, self._now_ms)

    def write(self, data):
        data = self._mqtt + bytes(data)
        at = 0
        while len(data) - at >= 2:
            size, body, shift = 0, at + 1, 0
            while True:
                size |= (data[body] & 127) << shift
                shift += 7
                body += 1
                if data[body - 1] < 128:
                    break
            if len(data) < body + size:
                break
            self._packet(data[at], data[body:body + size])
            at = body + size
        self._mqtt = data[at:]

    def _packet(self, head, body):
        kind = head >> 4
        if kind == mqtt.CONNACK:
            self._welcome = frame(WELCOME, self.salt, bytes((body[1], body[0] & 1)), self.salt)
            self._peer.write(self._welcome)
            if body[1] == 0:
                self._up = True
                self._say(bytes(mqtt.publish(self._prefix + b"status", b"online", 0, True, 0)))
                early, self._early = self._early, []
                for one in early:
                    self._take(one[0], one[1], one[2], self._now_ms)
        elif kind in (mqtt.PUBACK, mqtt.PUBCOMP, mqtt.SUBACK):
            what = self._waiting.pop(body[0] << 8 | body[1], None)
            if what is not None and what[0] == MESSAGE:
                self._published(what[1], what[2])
            elif what is not None:
                self._send(SUBSCRIBED, what[1], body[2:])
        elif kind == mqtt.PUBREC:
            self._say(b"\x62\x02" + body)
        elif kind == mqtt.PUBLISH:
            qos = head >> 1 & 3
            at = 2 + (body[0] << 8 | body[1])
            topic = body[2 + len(self._prefix):at]
            self._next += 1
            pid = 0
            if qos:
                pid = body[at] << 8 | body[at + 1]
                at += 2
            marks = qos | (RETAIN if head & 1 else 0)
            message = pack(">BIHIB", marks, 0, 0, 0, len(topic)) + topic + body[at:]
            if qos:
                self._down[self._next] = (pid, message)
            self._send(MESSAGE, self._next, message)

    def close(self):
        """Either side has had enough."""
        if self in self._gateway.links:
            self._gateway.links.remove(self)
        self._client = None
        self._peer.close()

    abort = close

    def broker_gone(self):
        if self.salt:
            self._send(BYE, 0, b"the broker is lost")
        self.close()

    def pause(self, on):
        self._peer.pause(on)

    def backlog(self):
        return self._peer.backlog()


def _text(data):
    return pack(">H", len(data)) + data
