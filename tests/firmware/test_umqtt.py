# What the session asks of umqtt.simple is what all its versions have: 1.3.4 of 2017 to 1.8.0. The other tests run on 1.3.4; here stands a client with
# the signatures and habits of the later ones, which knows nothing else. (Each release of 1.3.4 to 1.8.0 passes test_session*.py as well.)
import sys


class Module:
    pass


class MQTTClient:
    # 1.4 to 1.8: ssl is an SSLContext or None (1.6: True again), an empty user counts as none, keepalive has to fit 16 bit.
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None, ssl_params={}):
        assert isinstance(client_id, str) and isinstance(port, int) and port and not ssl and not ssl_params and keepalive < 65536
        self.client_id = client_id
        self.sock = None
        self.keepalive = keepalive
        self.lw_topic = None

    def set_last_will(self, topic, msg, retain=False, qos=0):
        assert topic and 0 <= qos <= 2
        self.lw_topic, self.lw_msg, self.lw_retain, self.lw_qos = topic, msg, retain, qos

    def ping(self):
        self.sock.write(b"\xc0\0")

    def publish(self, topic, msg, retain=False, qos=0):
        assert qos == 0, "the session encodes QoS 1 and 2 itself: umqtt would wait for the answer, blocking"
        n = 2 + len(topic) + len(msg)
        head = bytearray((0x30 | retain, n & 127))
        if n > 127:
            head[1] |= 128
            head.append(n >> 7)
        # Later versions write the buffer they have and say how much of it counts.
        self.sock.write(head + b"\0\0", len(head))
        self.sock.write(bytes((len(topic) >> 8, len(topic) & 255)))
        self.sock.write(topic)
        self.sock.write(msg)

    def disconnect(self):
        self.sock.write(b"\xe0\0")
        self.sock.close()

    # These block, each in its own way: the session must do without.
    def _blocks(self, *args, **named):
        assert False, "blocks"

    connect = subscribe = unsubscribe = wait_msg = check_msg = set_callback = _blocks


umqtt = Module()
umqtt.simple = Module()
umqtt.simple.MQTTClient = MQTTClient
sys.modules["umqtt"] = umqtt
sys.modules["umqtt.simple"] = umqtt.simple

from broker_side import *  # noqa: E402


def test_a_whole_session_over_a_later_umqtt():
    line = Line()
    line.box.put("zero", b"0" * 150, 0 | 4, 0)
    line.box.put("one", b"1", 1, 0)
    line.box.put("two", b"2", 2, 0)
    line.connack()
    said = line.published()
    assert [(m[0], m[1], m[2], m[5]) for m in said] == [(b"b/n1/status", b"online", 1, 1), (b"b/n1/zero", b"0" * 150, 0, 1), (b"b/n1/one", b"1", 1, 0),
                                                       (b"b/n1/two", b"2", 2, 0)]
    assert line.session.subscribe([("cmd/+", 1)], 0) == []
    line.hear(packet(SUBACK, line.said()[0][1][:2] + b"\1"))
    line.hear(ack(PUBACK, said[2][3]) + ack(PUBREC, said[3][3]) + publish(b"b/n1/cmd/x", b"go", 1, 3))
    assert line.messages == [(b"b/n1/cmd/x", b"go")] and [op for op, _ in line.said()] == [PUBREL, PUBACK]
    line.hear(ack(PUBCOMP, said[3][3]))
    assert not line.box.waiting
    line.wait(9000)
    assert line.said() == [(0xC0, b"")]
    line.hear(packet(PINGRESP))
    line.session.hold("offline")
    line.session.disconnect()
    assert [op & 0xF0 for op, _ in line.said()] == [PUBLISH, 0xE0]


def test_the_same_client_object_serves_one_connection_after_the_other():
    line = Line()
    for n in range(3):
        line.connack()
        line.session.disconnect()
        line.again()
        assert line.said()[0][0] == 0x10
