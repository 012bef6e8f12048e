# The MQTT session: what it says at a connection's beginning, how much it sends at once, what it repeats, what it subscribes. R15, R17, R18, R33, R51.
from struct import unpack_from

from broker_side import *
from stand_ins import Device, End

HEAP = "200k"  # this file is compiled on the interpreter itself


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


def test_message_that_can_never_fit_is_given_up_and_reported():
    line = Line(out_bytes=512)
    line.connack()
    line.said()
    line.device.box.put("a", b"x" * 440, 1, 0)
    line.device.box.put("t" * 150, b"x" * 400, 1, 0)
    line.device.box.put("a", b"next", 1, 0)
    line.session.pump(0)
    sent = line.published()
    assert [m[1] for m in sent] == [b"x" * 440, b"next"]
    assert line.device.drops == []  # it is given up when it is the oldest
    line.hear(ack(PUBACK, sent[0][3]))
    line.session.pump(0)
    assert line.device.drops == [(2, 1, "too_long")]
