# What the MQTT session makes of silence (R12, R13): time-outs of their own, suspicion, probes, keep alive.
from broker_side import *
from holdfast.errors import Fault
from stand_ins import End

HEAP = "200k"  # this file is compiled on the interpreter itself


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
