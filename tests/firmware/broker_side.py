# broker_side.py - the far end of an MQTT session for tests: reads what the session writes, answers in bytes. Strict about what a client may send.
from struct import pack, unpack_from

from holdfast.rtt import Rtt
from holdfast.session import Session
from stand_ins import Device, End

CFG = {"id": "n1", "base": "b", "keepalive_s": 30, "envelope": "none", "window": 16, "in_bytes": 256, "out_bytes": 1536, "ping_s": 8, "pingresp_ms": 1500,
       "suspect_ms": 1500, "probe_ms": 400, "connack_ms": 5000, "ack_ms": 20000, "burst": 0, "drain_per_s": 0}
CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x50, 0x62, 0x70, 0x90, 0xD0


def packet(op, body=b""):
    n = len(body)
    length = b""
    while True:
        length += bytes((n & 127 | (128 if n > 127 else 0),))
        n >>= 7
        if not n:
            return bytes((op,)) + length + body


def ack(op, pid):
    return packet(op, pack(">H", pid))


def publish(topic, payload, qos=0, pid=0, dup=0, retain=0):
    return packet(PUBLISH | dup << 3 | qos << 1 | retain, pack(">H", len(topic)) + topic + (pack(">H", pid) if qos else b"") + payload)


def packets(data):
    found = []
    i = 0
    while i < len(data):
        op = data[i]
        n = shift = 0
        while True:
            i += 1
            n |= (data[i] & 127) << shift
            shift += 7
            if not data[i] & 128:
                break
        i += 1
        assert i + n <= len(data), "packet cut off"
        found.append((op, bytes(data[i : i + n])))
        i += n
    return found


# A session over a device's memory, on which nothing has happened yet but begin().
class Line:
    def __init__(self, device=None, end=None, **settings):
        self.device = device or Device()
        self.box = self.device.box
        cfg = dict(CFG)
        cfg.update(settings)
        self.told = []
        self.messages = []
        self.session = Session(cfg, "b/n1/", self.box, Rtt(cfg["suspect_ms"], cfg["pingresp_ms"], cfg["probe_ms"]), self)
        self.now = 0
        self.again(end)

    # Another connection of the same session object.
    def again(self, end=None):
        self.session.begin(self.now, end or End({"user": None, "password": None, "tls": None}))

    def accepted(self, present):
        self.told.append(("accepted", present))
        if not present:
            self.session.forget(True)

    def sent(self, seq, dup):
        pass

    def acked(self, seq):
        self.told.append(("acked", seq))

    def subscribed(self, refused):
        self.told.append(("subscribed", refused))

    def message(self, topic, payload):
        self.messages.append((bytes(topic), None if payload is None else bytes(payload)))

    # Everything written since the last call, as (first byte, body).
    def said(self):
        out = self.session.out
        data = b""
        while out.end:
            more = bytes(out.pending())
            out.wrote(len(more))
            data += more
            self.box.written()
            self.session.pump(self.now)
        return packets(data)

    # PUBLISHes among them: (topic, payload, QoS, packet id, DUP, retain).
    def published(self):
        found = []
        for op, body in self.said():
            if op & 0xF0 == PUBLISH:
                n = unpack_from(">H", body)[0]
                qos = op >> 1 & 3
                pid = unpack_from(">H", body, 2 + n)[0] if qos else 0
                found.append((body[2 : 2 + n], body[2 + n + (2 if qos else 0) :], qos, pid, op >> 3 & 1, op & 1))
        return found

    def hear(self, data, piece=0):
        for i in range(0, len(data), piece or len(data) or 1):
            part = data[i : i + (piece or len(data))]
            self.session.receive(part, len(part), self.now)
        self.session.pump(self.now)

    def connack(self, present=0, code=0):
        self.hear(packet(CONNACK, bytes((present, code))))

    # Time passes, with the session looked at when it wants to be.
    def wait(self, ms):
        until = self.now + ms
        while True:
            left = self.session.tick(self.now)
            assert left > 0
            if self.now + left > until:
                break
            self.now += left
        self.now = until
