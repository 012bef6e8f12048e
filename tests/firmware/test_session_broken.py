# The MQTT session and brokers that refuse, break the protocol or flood (R7, R33): ended by name, in bounded memory.
import random

from broker_side import *
from holdfast.errors import Fault

HEAP = "200k"  # this file is compiled on the interpreter itself


def fault_of(line, data):
    try:
        line.hear(data)
    except Fault as e:
        return e.args[0]
    return None


def test_connack_codes():  # R7
    for code, kind in ((1, "rejected"), (2, "rejected"), (3, "busy"), (4, "auth"), (5, "auth"), (6, "protocol"), (255, "protocol")):
        assert fault_of(Line(), packet(CONNACK, bytes((0, code)))) == kind


BROKEN = (
    ("a second CONNACK", packet(CONNACK, b"\0\0")),
    ("type 0", b"\0\0"),
    ("type 15", b"\xf0\0"),
    ("a length of five bytes", b"\x30\xff\xff\xff\xff\x01"),
    ("256 MB", b"\x30\xff\xff\xff\x7f" + b"x" * 2000),
    ("PUBLISH shorter than its topic", packet(PUBLISH, b"\0\50abc")),
    ("PUBLISH without packet id", packet(PUBLISH | 2, b"\0\1a\0")),
    ("PUBLISH with QoS 3", packet(PUBLISH | 6, b"\0\1a\0\1x")),
    ("PUBACK without id", packet(PUBACK, b"")),
    ("empty PUBLISH", packet(PUBLISH, b"")),
    ("PINGREQ from a broker", packet(0xC0)),
)


def test_what_breaks_the_protocol_ends_the_session_by_name():
    for why, data in BROKEN:
        line = Line()
        line.connack()
        assert fault_of(line, data) == "protocol", why


def test_publish_before_connack_breaks_the_protocol():
    assert fault_of(Line(), publish(b"b/n1/cmd/x", b"")) == "protocol"


def test_long_messages_are_skipped_without_being_kept_and_acknowledged():
    import gc

    line = Line()
    line.connack()
    line.said()
    gc.collect()
    before = gc.mem_alloc()
    body = publish(b"b/n1/cmd/x", b"", 1, 7)
    n = 300000
    line.hear(b"\x32" + bytes((n & 127 | 128, n >> 7 & 127 | 128, n >> 14)))
    line.hear(body[2:])
    left = n - len(body) + 2
    piece = bytes(1000)
    while left:
        part = min(left, 1000)
        line.session.receive(piece, part, 0)
        left -= part
        gc.collect()
        assert gc.mem_alloc() - before < 3000
    assert line.messages == [(b"b/n1/cmd/x", None)] and line.said() == [(PUBACK, b"\0\7")]


def test_broker_that_sends_and_does_not_read_is_left():
    line = Line(out_bytes=512)
    line.connack()
    try:
        for i in range(1000):
            line.hear(publish(b"b/n1/cmd/x", b"", 1, i + 1))
        assert False
    except Fault as e:
        assert e.args == ("protocol", "flood")


def test_broker_that_never_releases_its_messages_is_left():  # QoS 2 ids are remembered: not for ever
    line = Line(out_bytes=1440)
    line.connack()
    try:
        for i in range(1000):
            line.hear(publish(b"b/n1/cmd/x", b"", 2, i + 1))
            line.said()
        assert False
    except Fault as e:
        assert e.args == ("protocol", "flood")
    assert len(line.messages) == 256


def test_answers_that_nobody_reads_do_not_pile_up():  # a flood of cmd/ping
    line = Line(out_bytes=512)
    line.connack()
    line.said()
    for i in range(1000):
        line.session.note("pong", b"%04d" % i)
    told = []
    while True:
        line.session.pump(0)
        found = line.published()
        if not found:
            break
        told += found
    assert 0 < len(told) <= 40 and told[0][1] == b"0000"


# Random packets, mutated and cut, before and after CONNACK: nothing but Fault comes out, memory stays bounded.
def fuzz(rounds, seed):
    import gc

    random.seed(seed)
    kinds = (CONNACK, PUBLISH, PUBLISH | 2, PUBLISH | 4, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, PINGRESP, 0xB0, 0xE0, 0x10, 0x82)
    for i in range(rounds):
        line = Line()
        for k in range(random.randrange(4)):
            line.box.put("a", b"%d" % k, random.randrange(3), 0)
        stream = b""
        if random.random() < 0.9:
            stream += packet(CONNACK, bytes((random.randrange(2), 0)))
        for _ in range(random.randrange(12)):
            op = random.choice(kinds)
            if op & 0xF0 == PUBLISH and random.random() < 0.8:
                stream += publish(b"b/n1/cmd/x"[: random.randrange(11)], bytes(random.randrange(400)), op >> 1 & 3, random.randrange(65536))
            elif random.random() < 0.7:
                stream += ack(op, random.choice((65001, 65002, random.randrange(65536), line.box.pid_of(random.randrange(1, 5)))))
            else:
                stream += packet(op, bytes([random.getrandbits(8) for _ in range(random.randrange(9))]))
        data = bytearray(stream)
        for _ in range(random.randrange(3)):
            if data:
                data[random.randrange(len(data))] = random.getrandbits(8)
        try:
            line.hear(bytes(data), random.choice((0, 1, 5, 50)))
            line.wait(random.randrange(10000))
        except Fault as e:
            assert e.args[0] in ("protocol", "auth", "rejected", "busy", "timeout", "gone"), e.args
        line.said()
        if i % 100 == 0:
            gc.collect()
            assert gc.mem_alloc() < 170000


def test_arbitrary_bytes_end_the_session_at_worst():
    fuzz(400, 1)


# Exhaustive: make soak.
def test_soak_arbitrary_bytes_end_the_session_at_worst():
    for seed in range(20):
        fuzz(1000, seed)
