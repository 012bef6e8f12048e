# QoS 2 in the MQTT session (R16): published once and handed over once, whatever is lost or reset; what a lost session means for it.
from struct import pack

from broker_side import *

HEAP = "200k"  # this file is compiled on the interpreter itself


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


def test_a_known_id_that_is_not_sent_again_is_another_message():  # R16: the session that knew it was lost, and so was the CONNACK that said so
    line = Line()
    line.connack()
    line.hear(publish(b"b/n1/cmd/x", b"one", 2, 40))
    line.again()
    line.connack(present=1)
    line.hear(publish(b"b/n1/cmd/x", b"two", 2, 40) + publish(b"b/n1/cmd/x", b"two", 2, 40, dup=1))
    assert line.messages == [(b"b/n1/cmd/x", b"one"), (b"b/n1/cmd/x", b"two")]


def test_qos_2_begins_anew_at_once_whatever_becomes_of_the_connection():  # R16, R28: the next one is to a session that was kept, and knows of no PUBREC either
    line = Line()
    for i in range(2):
        line.box.put("a", b"%d" % i, 2, 0)
    line.connack()
    line.hear(b"".join([ack(PUBREC, m[3]) for m in line.published() if m[0] == b"b/n1/a"]))
    line.said()
    line.again()
    connack = packet(CONNACK, b"\0\0")
    line.session.receive(connack, len(connack), line.now)  # and it ends before anything could be sent
    line.again()
    line.connack(present=1)
    assert [m[1] for m in line.published() if m[0] == b"b/n1/a"] == [b"0", b"1"]
