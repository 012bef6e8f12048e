"""The built-in broker as a driver: threads, ports, life and death. What MQTT clients see is in broker/."""

import threading
import time

import pytest

from holdfast_bench.drivers.broker_builtin import BrokerError, BuiltinBroker
from mqtt_clients import Paho, Raw, connect_packet, publish_packet


@pytest.fixture
def broker():
    with BuiltinBroker() as b:
        yield b


def test_port_stays_over_restarts(broker):
    port = broker.port
    broker.restart()
    assert broker.port == port
    with Raw(broker) as c:
        assert c.connect("c") == (False, 0)


def test_port_in_use_is_one_clear_error(broker):
    with pytest.raises(BrokerError, match="cannot listen on .* choose another port"):
        BuiltinBroker(port=broker.port).start()


def test_two_brokers_do_not_share_anything(broker):
    with BuiltinBroker() as other, Raw(broker) as a, Raw(other) as b:
        assert broker.port != other.port
        a.connect("c")
        b.connect("c")
        assert a.send(b"\xc0\x00").recv() == (0xd0, b"")


def test_stopping_twice_and_closing_leave_no_thread():
    before = threading.enumerate()
    b = BuiltinBroker().start()
    b.stop()
    b.stop()
    b.close()
    b.close()
    assert [t for t in threading.enumerate() if t not in before] == []
    with pytest.raises(BrokerError, match="not started"):
        b.kick()


def test_stopped_broker_refuses_connections(broker):
    broker.stop()
    with pytest.raises(ConnectionRefusedError):
        Raw(broker)


def test_what_arrives_is_told_as_history_events():
    events = []
    with BuiltinBroker(on_event=lambda src, ev, **fields: events.append((src, ev, fields))) as b:
        with Paho(b, "c") as c:
            c.publish("a/b", b"text", 1)
            c.publish("a/b", b"\xff", 0, retain=True)
            c.publish("a/b", b"2", 2)
    recv = [fields for _, ev, fields in events if ev == "recv"]
    assert recv[0] == {"client": "c", "topic": "a/b", "payload": "text", "qos": 1, "retain": False, "dup": False}
    assert recv[1] == {"client": "c", "topic": "a/b", "payload64": "/w==", "qos": 0, "retain": True, "dup": False}
    assert [ev for _, ev, _ in events] == ["connect", "recv", "recv", "recv", "disconnect"]


def test_hooks_work_from_another_thread(broker):
    with Raw(broker) as c:
        c.connect("c")
        broker.fault("drop_acks", times=1)
        c.send(publish_packet("a", b"1", 1, 1) + publish_packet("a", b"2", 1, 2))
        assert c.recv() == (0x40, b"\x00\x02")
        with pytest.raises(BrokerError, match="no fault 'explode'"):
            broker.fault("explode")


def test_withheld_connack_is_given_at_clear(broker):
    broker.fault("withhold_connack")
    with Raw(broker) as c:
        c.send(connect_packet("c") + publish_packet("a", b"1", 1, 1))
        assert c.quiet()
        broker.fault("clear")
        assert c.recv() == (0x20, b"\x00\x00")
        assert c.recv() == (0x40, b"\x00\x01")


def test_stopped_reading_leaves_bytes_in_the_network_until_cleared(broker):
    with Raw(broker) as c:
        c.connect("c")
        broker.fault("stop_reading")
        c.send(publish_packet("a", b"1", 1, 1))
        assert c.quiet()
        broker.fault("clear")
        assert c.recv() == (0x40, b"\x00\x01")


@pytest.mark.parametrize("reset", [False, True])
def test_kicked_client_sees_fin_or_rst(broker, reset):
    with Raw(broker) as c:
        c.connect("c")
        assert broker.kick("c", reset) == 1
        c.sock.settimeout(5)
        if reset:
            with pytest.raises(ConnectionResetError):
                c.sock.recv(1)
        else:
            assert c.sock.recv(1) == b""


def test_connections_a_second_are_limited(broker):  # R47
    broker.limit_connects(10)
    began = time.monotonic()
    clients = [Raw(broker) for _ in range(5)]
    for i, c in enumerate(clients):
        assert c.connect("c%d" % i) == (False, 0)
    # Five answers at ten a second cannot take less than four gaps.
    assert time.monotonic() - began >= 0.4
    for c in clients:
        c.close()


def test_descriptors_are_released(broker):
    for _ in range(50):
        with Raw(broker) as c:
            c.connect("c")
    deadline = time.monotonic() + 5
    while broker.wires and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not broker.wires


def test_slow_reader_gets_everything_in_the_end(broker):
    with Raw(broker) as c:
        c.connect("c")
        n = 3000
        c.send(b"".join(publish_packet("a", b"x" * 100, 1, i + 1) for i in range(n)))
        assert [c.recv() for _ in range(n)][-1] == (0x40, n.to_bytes(2, "big"))


def test_client_that_vanishes_without_a_word_is_found_by_keepalive(broker):  # R17
    with Raw(broker) as watcher:
        watcher.connect("w")
        watcher.send(bytes.fromhex("8206000100017701")).recv()
        c = Raw(broker)
        c.connect("c", keepalive=1, will=("w", b"gone", 0, False))
        # Half-open: the descriptor stays open, nothing is sent any more.
        head, body = watcher.recv(10)
        assert head >> 4 == 3 and body.endswith(b"gone")
        c.sock.settimeout(5)
        assert c.sock.recv(1) == b""
        c.close()
