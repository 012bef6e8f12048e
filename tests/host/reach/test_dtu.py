"""The serial-to-network unit (R35) on twins: a device on the serial line, a peer in the network, and the network fails in between."""

import contextlib
import socket

import pytest
from reach.dtu_rig import Meter, Peer, Subscriber, node, numbers, until

from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from holdfast_bench.twin import TwinHost

pytestmark = [pytest.mark.timeout(400), pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed")]
LINES = {"delimiter": ";", "baud": 9600}


@pytest.fixture(scope="module")
def host():
    with TwinHost() as h:
        yield h


@pytest.fixture
def stack():
    with contextlib.ExitStack() as s:
        yield s


def closing(stack, one):
    stack.callback(one.close)
    return one


def more(sock):
    data = sock.recv(1000)
    assert data, "the node has closed the connection"
    return data


def test_over_mqtt_nothing_is_lost_and_order_is_kept_through_outages(host, stack):  # R35, R30, R16: QoS 2, so nothing comes twice either
    broker = stack.enter_context(Mosquitto())
    ip = host.add_host("mqtt.test", {1883: ("127.0.0.1", broker.port)})
    heard = closing(stack, Subscriber(broker.port, "holdfast/meter1/dtu/up"))
    board = stack.enter_context(node(host, "meter1", [{"host": ip}], {**LINES, "qos": 2}))
    meter = closing(stack, Meter(board.uart_port(1)))
    sees = lambda: numbers(b"".join(payload for _, payload in heard.got))
    meter.start()
    until(lambda: len(sees()) > 10, what=lambda: heard.got)
    first = sees()[0]  # what the device said before the node was up is nobody's fault
    for cut, heal in ((lambda: board.network.set_mode("blackhole"), lambda: board.network.set_mode("pass")), (board.access_point.off, board.access_point.on)):
        cut()
        before = meter.sent
        until(lambda: meter.sent > before + 60)
        heard.publish("holdfast/meter1/dtu/down", b"told while away;")
        heal()
        until(lambda: len(sees()) > 60 and sees()[-1] > before + 60, what=lambda: sees()[-5:])
    meter.stop()
    until(lambda: sees()[-1] == meter.sent, what=lambda: (sees()[-3:], meter.sent))
    assert sees() == list(range(first, meter.sent + 1))
    until(lambda: meter.heard == b"told while away;" * 2, what=lambda: meter.heard)


def test_as_a_tcp_client_with_registration_and_answered_heartbeats_nothing_is_lost(host, stack):  # R35
    peer = closing(stack, Peer(answer=(b"<beat>", b"<ok>")))
    ip = host.add_host("centre.test", {4001: ("127.0.0.1", peer.port)})
    dtu = {**LINES, "registration": "<meter 7>", "heartbeat": "<beat>", "heartbeat_s": 5, "answer": "<ok>"}
    board = stack.enter_context(node(host, "meter2", [{"host": ip, "protocol": "raw", "port": 4001}], dtu))
    meter = closing(stack, Meter(board.uart_port(1)))
    sees = lambda: numbers(peer.got.replace(b"<meter 7>", b"").replace(b"<beat>", b""))
    until(lambda: peer.connections)
    meter.start()
    until(lambda: len(sees()) > 10, what=lambda: peer.got[-100:])
    assert peer.got.startswith(b"<meter 7>")
    peer.say(b"set 5;")
    until(lambda: meter.heard == b"set 5;", what=lambda: meter.heard)
    connections = peer.connections
    board.network.set_mode("blackhole")
    before = meter.sent
    until(lambda: meter.sent > before + 120)
    board.network.forget_flows()
    board.network.set_mode("pass")
    until(lambda: peer.connections > connections and sees()[-1] > before + 120, what=lambda: (peer.connections, sees()[-5:]))
    meter.stop()
    until(lambda: sees()[-1] == meter.sent, what=lambda: (sees()[-3:], meter.sent))
    once = sorted(set(sees()))
    assert once == list(range(once[0], meter.sent + 1)), "each has arrived; what was not answered for came again"


def test_over_udp_each_packet_is_a_datagram(host, stack):  # R35
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(30)
        ip = host.add_host("udp.test", {}, {4002: peer.getsockname()})
        board = stack.enter_context(node(host, "meter3", [{"host": ip, "protocol": "raw", "transport": "udp", "port": 4002}], {**LINES, "registration": "hello;"}))
        meter = closing(stack, Meter(board.uart_port(1)))
        data, node_at = peer.recvfrom(2000)
        assert data == b"hello;"
        meter.start()
        got = [peer.recv(2000) for _ in range(20)]
        first = int(got[0][:-1])
        assert got == [b"%d;" % n for n in range(first, first + 20)]
        peer.sendto(b"set 6;", node_at)
        until(lambda: meter.heard == b"set 6;", what=lambda: meter.heard)


def test_as_a_tcp_server_what_nobody_takes_waits(host, stack):  # R35
    broker = stack.enter_context(Mosquitto())
    ip = host.add_host("mqtt4.test", {1883: ("127.0.0.1", broker.port)})
    status = closing(stack, Subscriber(broker.port, "holdfast/meter4/status"))
    board = stack.enter_context(node(host, "meter4", [{"host": ip}], {**LINES, "mode": "server", "port": 4003, "registration": "<7>"}))
    at = host.forward(board, 4003)
    meter = closing(stack, Meter(board.uart_port(1)))

    def connected():
        sock = socket.create_connection(at, 10)
        sock.settimeout(60)
        assert sock.recv(3) == b"<7>"
        return sock

    until(lambda: status.got, what="the node is online")
    with connected() as sock:
        meter.start()
        got = b""
        while len(numbers(got)) < 5:
            got += more(sock)
        sock.sendall(b"set 7;")
        until(lambda: meter.heard == b"set 7;", what=lambda: meter.heard)
        meter.stop()
        while numbers(got)[-1] < meter.sent:
            got += more(sock)
        last = meter.sent
    until(lambda: not host.calls(), what="the node has closed, too: what it writes to a connection that ends is lost")
    meter.start()
    until(lambda: meter.sent > last + 30)
    with connected() as sock:
        got = b""
        while len(numbers(got)) < 20:
            got += more(sock)
        assert numbers(got)[:20] == list(range(last + 1, last + 21))
