"""What breaks the protocol ends that client's connection, and no other."""

import pytest

from mqtt_clients import Raw, connect_packet, packet, publish_packet, subscribe_packet, text


MALFORMED = {
    "reserved packet type 0": b"\x00\x00",
    "reserved packet type 15": b"\xf0\x00",
    "packet of the broker": b"\x20\x02\x00\x00",
    "second CONNECT": connect_packet("x"),
    "remaining length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "QoS 3": packet(0x36, text("a") + b"\x00\x01x"),
    "packet id 0": publish_packet("a", b"x", 1, 0),
    "topic with +": publish_packet("a/+", b"x"),
    "topic with #": publish_packet("#", b"x"),
    "empty topic": publish_packet("", b"x"),
    "topic longer than the packet": packet(0x30, b"\x00\x09a"),
    "topic not UTF-8": publish_packet("a", b"x").replace(b"a", b"\xff"),
    "PUBREL with wrong flags": b"\x60\x02\x00\x01",
    "SUBSCRIBE with wrong flags": packet(0x80, b"\x00\x01" + text("a") + b"\x00"),
    "SUBSCRIBE without filter": packet(0x82, b"\x00\x01"),
    "SUBSCRIBE with QoS 3": packet(0x82, b"\x00\x01" + text("a") + b"\x03"),
    "filter a#": subscribe_packet(1, ("a#", 0)),
    "filter #/a": subscribe_packet(1, ("#/a", 0)),
    "filter a+/b": subscribe_packet(1, ("a+/b", 0)),
    "empty filter": subscribe_packet(1, ("", 0)),
    "UNSUBSCRIBE without filter": packet(0xa2, b"\x00\x01"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_input_closes_that_client_only(broker, name, data):
    with Raw(broker) as good, Raw(broker) as bad:
        good.connect(name + "good")
        bad.connect(name)
        assert bad.send(data).closed()
        good.send(b"\xc0\x00")
        assert good.recv() == (0xd0, b"")


MALFORMED_FIRST = {
    "not CONNECT": publish_packet("a", b"x"),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "unknown protocol name": connect_packet("x", name="AMQP"),
    "reserved flag": packet(0x10, text("MQTT") + b"\x04\x03\x00\x3c" + text("x")),
    "will flags without will": packet(0x10, text("MQTT") + b"\x04\x0a\x00\x3c" + text("x")),
    "password without user": packet(0x10, text("MQTT") + b"\x04\x42\x00\x3c" + text("x") + text("pw")),
    "CONNECT cut short": packet(0x10, text("MQTT") + b"\x04\x02\x00"),
    "will QoS 3": connect_packet("x", will=("a", b"b", 3, False)),
}


@pytest.mark.parametrize("data", MALFORMED_FIRST.values(), ids=MALFORMED_FIRST.keys())
def test_malformed_first_packet_is_not_answered(broker, data):
    with Raw(broker) as bad:
        assert bad.send(data).closed()
