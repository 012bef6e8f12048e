# The MQTT session: what it says, what it makes of the answers, what it survives. R12, R13, R15, R16, R17, R18, R51.
import random
from struct import pack, unpack_from

from broker_side import *
from holdfast.errors import Fault
from stand_ins import Device, End

HEAP = "200k"  # this file is compiled on the interpreter itself


def fault_of(line, data):
    try:
        line.hear(data)
    except Fault as e:
        return e.args[0]
    return None


def test_connect_carries_will_login_and_keep_alive():  # R17, R21
    line = Line(end=End({"user": "u\u00fc", "password": "pw", "tls": None}))
    op, body = line.said()[0]
    assert op == 0x10 and body[:7] == b"\0\4MQTT\4"
    assert body[7] == 0xC0 | 0x20 | 0x08 | 0x04  # login, will retained with QoS 1; not clean
    assert unpack_from(">H", body, 8)[0] == 30
    fields = []
    at = 10
    while at < len(body):
        n = unpack_from(">H", body, at)[0]
        fields.append(body[at + 2 : at + 2 + n])
        at += 2 + n
    assert fields == [b"n1", b"b/n1/status", b"offline", "u\u00fc".encode(), b"pw"]


def test_messages_follow_connect_at_once_and_wait_for_a_patient_broker():
    device = Device()
    device.box.put("a", b"1", 1, 0)
    line = Line(device)
    said = line.said()
    assert [op & 0xF0 for op, _ in said] == [0x10, PUBLISH, PUBLISH]  # CONNECT, status, message: one piece
    line = Line(device, End({"user": None, "password": None, "tls": None}, patient=True))
    assert [op & 0xF0 for op, _ in line.said()] == [0x10, PUBLISH]
    line.connack()
    assert [m[1] for m in line.published()] == [b"1"]


def test_window_bounds_what_is_on_its_way_and_opens_with_each_acknowledgement():
    line = Line()
    for i in range(40):
        line.box.put("a", b"%d" % i, 1, 0)
    line.connack()
    first = [m for m in line.published() if m[0] == b"b/n1/a"]
    assert len(first) == 16
    line.hear(ack(PUBACK, first[5][3]) + ack(PUBACK, first[3][3]))
    assert [m[1] for m in line.published()] == [b"16", b"17"]
    assert line.told[-2:] == [("acked", 6), ("acked", 4)]


def test_first_messages_of_a_connection_go_at_once_later_ones_by_the_window():  # R51
    line = Line(burst=30)
    for i in range(60):
        line.box.put("a", b"%d" % i, 1, 0)
    line.connack()
    first = [m for m in line.published() if m[0] == b"b/n1/a"]
    assert len(first) == 30
    line.hear(b"".join([ack(PUBACK, m[3]) for m in first[:20]]))
    assert len(line.published()) == 6  # 10 are on their way still


def test_backlog_is_paced_and_urgent_messages_are_not():  # R51
    device = Device()
    for i in range(20):
        device.box.put("a", b"%d" % i, 1, 0)
    device.clock.t = 1000
    line = Line(device, drain_per_s=10)
    line.connack()
    assert len([m for m in line.published() if m[0] == b"b/n1/a"]) == 1
    line.box.put("alarm", b"!", 1 | 8, 0)
    line.session.pump(line.now)
    assert [m[1] for m in line.published()] == [b"!"]
    sent = 0
    while sent < 19:
        assert line.session.resume_at is not None
        line.now += 100
        line.session.pump(line.now)
        got = line.published()
        assert len(got) == 1
        sent += 1
        line.hear(ack(PUBACK, got[0][3]))


def test_where_much_is_lost_little_is_sent():  # R51: 30 %
    device = Device()
    for i in range(60):
        device.box.put("a", b"%d" % i, 1, 0)
    line = Line(device, burst=40)
    line.said()
    line.again()  # 40 messages were on their way
    assert len([m for m in line.published() if m[0] == b"b/n1/a"]) == 2
    line.connack(present=1)
    n = 0
    while n < 60:
        for seq in list(line.box.seqs):
            line.hear(ack(PUBACK, line.box.pid_of(seq)))
            n += 1
        if len(line.box.seqs) > 2:
            break
        line.said()
    assert n > 40  # it takes as many good ones until it is trusted again


def test_replay_in_a_kept_session_has_the_same_id_and_dup():  # R15
    line = Line()
    for i in range(3):
        line.box.put("a", b"%d" % i, 1, 0)
    line.connack()
    first = [m for m in line.published() if m[0] == b"b/n1/a"]
    line.hear(ack(PUBACK, first[1][3]))
    line.box.put("a", b"new", 1, 0)
    line.again()
    again = [m for m in line.published() if m[0] == b"b/n1/a"]
    assert [(m[1], m[3], m[4]) for m in again] == [(b"0", first[0][3], 1), (b"2", first[2][3], 1), (b"new", line.box.pid_of(4), 0)]


def test_packet_ids_wrap_and_stay_apart_from_the_sessions_own():  # packet ids of 16 bit, 70 000 messages
    device = Device()
    line = Line(device)
    line.connack()
    line.said()
    highest = wrapped = last = 0
    for i in range(1000):
        device.block.next_seq += 69 if i else 0  # as if they had been sent
        device.block.head_seq = device.block.next_seq
        line.box._to_head()
        line.box.put("a", b"x", 1, 0)
        line.session.pump(0)
        (topic, payload, qos, pid, dup, retain), = line.published()
        assert 1 <= pid <= 40000
        highest = max(highest, pid)
        wrapped += pid < last
        last = pid
        line.hear(ack(PUBACK, pid))
        assert line.told[-1][0] == "acked" and not line.box.seqs
    assert highest > 39000 and wrapped == 1


def test_acknowledgements_that_nobody_waits_for_are_passed_over():
    line = Line()
    line.connack()
    line.said()
    line.hear(ack(PUBACK, 777) + ack(PUBCOMP, 3) + packet(SUBACK, b"\0\7\0") + packet(0xB0, b"\0\1") + ack(PUBACK, 65001))
    assert [t for t in line.told if t[0] != "accepted"] == []
    line.box.put("a", b"1", 1, 0)
    line.session.pump(0)
    assert len(line.published()) == 1


def test_bytes_may_come_one_by_one_or_all_at_once():  # R33
    for piece in (0, 1, 2, 3, 7):
        line = Line()
        line.box.put("a", b"1", 1, 0)
        line.connack()
        line.said()
        stream = (publish(b"b/n1/cmd/x", b"p" * 200) + ack(PUBACK, line.box.pid_of(1)) + publish(b"b/n1/cmd/y", b"", 1, 5) + packet(PINGRESP)
                  + publish(b"b/n1/cmd/z", b"2", 2, 9) + publish(b"b/n1/cmd/w", b"q" * 1000, 1, 6) + publish(b"b/n1/cmd/v", b"end"))
        line.hear(stream, piece)
        assert line.messages == [(b"b/n1/cmd/x", b"p" * 200), (b"b/n1/cmd/y", b""), (b"b/n1/cmd/z", b"2"), (b"b/n1/cmd/w", None), (b"b/n1/cmd/v", b"end")]
        assert line.said() == [(PUBACK, b"\0\5"), (PUBREC, b"\0\11"), (PUBACK, b"\0\6")]
        assert line.told[-1] == ("acked", 1)


def test_qos_2_up_is_published_once_whatever_is_lost():  # R16
    line = Line()
    line.box.put("a", b"once", 2, 0)
    line.connack()
    (_, _, qos, pid, dup, _), = [m for m in line.published() if m[0] == b"b/n1/a"]
    assert qos == 2 and not dup
    line.hear(ack(PUBREC, pid))
    assert line.said() == [(PUBREL, pack(">H", pid))]
    line.hear(ack(PUBREC, pid))
    assert line.said() == [(PUBREL, pack(">H", pid))]
    for reset in (False, True):  # the connection breaks; the chip is reset
        if reset:
            line.device.boot()
            line = Line(line.device)
        else:
            line.again()
        assert [m for m in line.published() if m[0] == b"b/n1/a"] == []
        line.connack(present=1)
        assert line.said() == [(PUBREL, pack(">H", pid))]
    line.hear(ack(PUBCOMP, pid))
    assert line.told[-1] == ("acked", 1) and not line.box.waiting


def test_qos_2_up_begins_anew_where_the_session_was_lost():  # R16, R28
    line = Line()
    line.box.put("a", b"once", 2, 0)
    line.connack()
    pid = [m for m in line.published() if m[0] == b"b/n1/a"][0][3]
    line.hear(ack(PUBREC, pid))
    line.device.boot()
    line = Line(line.device)
    line.said()
    line.connack(present=0)
    assert [m[1] for m in line.published()] == [b"once"]


def test_qos_2_down_is_handed_over_once_across_a_reset():  # R16, R19
    line = Line()
    line.connack()
    line.said()
    line.hear(publish(b"b/n1/cmd/x", b"once", 2, 40))
    assert line.said() == [(PUBREC, b"\0\50")]
    line.device.boot()
    line = Line(line.device)
    line.connack(present=1)
    line.said()
    line.hear(publish(b"b/n1/cmd/x", b"once", 2, 40, dup=1) + publish(b"b/n1/cmd/x", b"two", 2, 41))
    assert line.messages == [(b"b/n1/cmd/x", b"two")]
    line.hear(ack(PUBREL, 40) + ack(PUBREL, 40))
    assert [s for s in line.said() if s[0] == PUBCOMP] == [(PUBCOMP, b"\0\50"), (PUBCOMP, b"\0\50")]
    line.hear(publish(b"b/n1/cmd/x", b"three", 2, 40))
    assert line.messages[-1] == (b"b/n1/cmd/x", b"three")


def test_qos_2_down_from_a_broker_that_has_forgotten_is_a_new_message():  # R16: the id means another message now
    line = Line()
    line.connack()
    line.hear(publish(b"b/n1/cmd/x", b"one", 2, 40))
    line.again()
    line.connack(present=0)
    line.hear(publish(b"b/n1/cmd/x", b"two", 2, 40))
    assert [m[1] for m in line.messages] == [b"one", b"two"]


def test_qos_0_is_done_when_it_is_written_not_before():
    line = Line()
    line.connack()
    line.said()
    line.box.put("a", b"0", 0, 0)
    line.session.pump(0)
    assert line.box.waiting == 1
    line.again()  # the connection broke before
    assert [m[1] for m in line.published() if m[0] == b"b/n1/a"] == [b"0"]
    assert line.box.waiting == 0


def test_subscriptions_in_as_many_pieces_as_the_buffer_asks_for():  # R18
    line = Line(out_bytes=512)
    line.connack()
    line.said()
    wanted = [("cmd/%030d/+" % i, i % 3) for i in range(40)]
    left = wanted
    asked = []
    while left:
        rest = line.session.subscribe(left, 0)
        assert len(rest) < len(left)
        assert line.session.subscribe(rest, 0) == rest  # one SUBSCRIBE at a time
        (op, body), = line.said()
        assert op == 0x82
        n = len(left) - len(rest)
        asked += left[:n]
        line.hear(packet(SUBACK, body[:2] + bytes([0x80 if i == 0 else 1 for i in range(n)])))
        assert line.told[-1] == ("subscribed", [left[0][0]])
        left = rest
    assert asked == wanted


def test_connack_codes():  # R7
    for code, kind in ((1, "rejected"), (2, "rejected"), (3, "busy"), (4, "auth"), (5, "auth"), (6, "protocol"), (255, "protocol")):
        assert fault_of(Line(), packet(CONNACK, bytes((0, code)))) == kind


def test_no_connack_is_a_time_out_of_its_own():
    line = Line(end=End({"user": None, "password": None, "tls": None}, patience_ms=700))
    try:
        line.wait(900)
        assert False
    except Fault as e:
        assert e.args[0] == "timeout" and 700 <= line.now <= 701


def test_silence_makes_suspect_then_three_probes_decide():  # R12, R13
    line = Line()
    line.connack()
    line.hear(ack(PUBACK, 65001))
    line.said()
    line.box.put("a", b"1", 1, 0)
    line.session.pump(0)
    line.said()
    line.wait(1499)
    assert not line.session.late
    line.wait(2)
    assert line.session.late and line.said() == [(0xC0, b"")]
    try:
        line.wait(5000)
        assert False
    except Fault as e:
        assert e.args[0] == "gone" and 2700 <= line.now <= 2710
    assert line.said() == [(0xC0, b""), (0xC0, b"")]


def test_any_byte_clears_the_suspicion():  # R13
    line = Line()
    line.connack()
    line.box.put("a", b"1", 1, 0)
    line.session.pump(0)
    line.said()
    line.wait(1600)
    assert line.session.late
    line.hear(packet(PINGRESP))
    assert not line.session.late
    line.wait(1400)
    assert not line.session.late


def test_slow_link_is_given_time_by_its_own_measure():  # R13: jitter is no loss
    line = Line()
    line.connack()
    line.hear(ack(PUBACK, 65001))
    for i in range(10):
        line.box.put("a", b"%d" % i, 1, 0)
        line.session.pump(line.now)
        pid = line.published()[-1][3]
        line.wait(1200 if i % 2 else 700)
        assert not line.session.late
        line.hear(ack(PUBACK, pid))
    line.box.put("a", b"late", 1, 0)
    line.session.pump(line.now)
    line.said()
    line.wait(4700)
    assert not line.session.late
    line.wait(200)
    assert line.session.late


def test_idle_link_is_asked_and_its_answer_has_a_limit_of_its_own():
    line = Line(pingresp_ms=3000)
    line.connack()
    line.hear(ack(PUBACK, 65001))
    line.said()
    line.wait(7999)
    assert line.said() == []
    line.wait(2)
    assert line.said() == [(0xC0, b"")]
    line.wait(2900)
    assert not line.session.late
    line.wait(200)
    assert line.session.late


def test_broker_that_answers_but_never_acknowledges_is_left():
    line = Line()
    line.connack()
    line.box.put("a", b"1", 1, 0)
    line.session.pump(0)
    try:
        while True:
            line.wait(1000)
            line.hear(packet(PINGRESP))
            assert line.now < 30000
    except Fault as e:
        assert e.args == ("unacked", 1) and line.now > 20000


def test_keep_alive_is_kept_by_a_node_that_only_listens():
    line = Line(keepalive_s=10, ping_s=1000)
    line.connack()
    line.hear(ack(PUBACK, 65001))
    line.said()
    pings = 0
    for _ in range(60):
        line.wait(1000)
        line.hear(publish(b"b/n1/cmd/x", b""))  # plenty to hear, nothing to say
        for op, _ in line.said():
            assert op == 0xC0
            pings += 1
            line.hear(packet(PINGRESP))
    assert 10 <= pings <= 13


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


def test_a_known_id_that_is_not_sent_again_is_another_message():  # R16: the session that knew it was lost, and so was the CONNACK that said so
    line = Line()
    line.connack()
    line.hear(publish(b"b/n1/cmd/x", b"one", 2, 40))
    line.again()
    line.connack(present=1)
    line.hear(publish(b"b/n1/cmd/x", b"two", 2, 40) + publish(b"b/n1/cmd/x", b"two", 2, 40, dup=1))
    assert line.messages == [(b"b/n1/cmd/x", b"one"), (b"b/n1/cmd/x", b"two")]


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


def test_message_that_can_never_fit_is_given_up_and_reported():
    line = Line(out_bytes=512)
    line.connack()
    line.said()
    line.device.box.put("a", b"x" * 440, 1, 0)
    line.device.box.put("t" * 150, b"x" * 400, 1, 0)
    line.device.box.put("a", b"next", 1, 0)
    line.session.pump(0)
    assert [m[1] for m in line.published()] == [b"x" * 440, b"next"]
    assert line.device.drops == [(2, 1, "too_long")]


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
