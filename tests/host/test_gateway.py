"""The gateway (R22, R33) against real brokers: what frames say arrives as MQTT and the other way round, and nothing is acknowledged
that the broker does not have."""

import asyncio
import contextlib
import json
import struct

import paho.mqtt.client as paho
import pytest

from holdfast_bench import frames
from holdfast_bench.drivers.broker_mosquitto import find_mosquitto
from holdfast_bench.gateway import Gateway
from holdfast_bench.places.brokers import start_broker

KINDS = ["builtin", pytest.param("mosquitto", marks=pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"))]
LIMIT_S = 20


class Observer:
    """Everything the broker has for holdfast/#, and a way to publish."""

    def __init__(self, broker):
        self.seen = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self._client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        ready = asyncio.Event()
        client.on_connect = lambda *_: client.subscribe("holdfast/#", qos=2)
        client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
        client.on_message = lambda _, __, m: loop.call_soon_threadsafe(self.seen.put_nowait, (m.topic, m.payload, m.qos))
        client.connect(*broker.address)
        client.loop_start()
        self.ready = ready

    def publish(self, topic, payload, qos=1):
        self._client.publish(topic, payload, qos)

    async def next(self, topic):
        """The payload of the next message there."""
        while True:
            at, payload, _ = await asyncio.wait_for(self.seen.get(), LIMIT_S)
            if at == topic:
                return payload

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Node:
    """A node's end, written from docs/frames.md."""

    def __init__(self, send, name="n1", salt=0x1234):
        self._send, self._name, self.salt = send, name, salt
        self.heard = asyncio.Queue()
        self.decoder = frames.Decoder(lambda kind, seq, payload: self.heard.put_nowait((kind, seq, bytes(payload))), 4096, salt)

    def hello(self, **more):
        body = {"id": self._name, "base": "holdfast", "b": 3, "keepalive_s": 30, **more}
        self._send(frames.encode(frames.HELLO, self.salt, json.dumps(body).encode()))

    def send(self, kind, seq, payload=b""):
        self._send(frames.encode(kind, seq, payload, self.salt))

    def message(self, seq, payload, topic=b"sensor/t", flags=1, epoch=3, t=0, number=None):
        self.send(frames.MESSAGE, seq, frames.message(flags, epoch, t, topic, payload, 0, seq if number is None else number))

    async def next(self, kind):
        while True:
            got = await asyncio.wait_for(self.heard.get(), LIMIT_S)
            if got[0] == kind:
                return got[1:]

    async def acked(self, count):
        """The next `count` sequences that are acknowledged."""
        found = []
        while len(found) < count:
            seq, more = await self.next(frames.ACK)
            found += [seq, *struct.unpack(">%dI" % (len(more) // 4), more)]
        return found


class TcpWire(asyncio.Protocol):
    def __init__(self):
        self.node = None
        self.ended = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.node.decoder.feed(data)

    datagram_received = None

    def connection_lost(self, error):
        self.ended.set()


class UdpWire(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.node.decoder.feed(data)


class Stand:
    """Broker, gateway, observer."""

    def __init__(self, stack, kind, **options):
        self.broker = start_broker(kind, stack, **options)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self):
        self.said = []
        self.gateway = await Gateway(self.broker.address, say=self.said.append).start(("127.0.0.1", 0), ("127.0.0.1", 0))
        self._stack.push_async_callback(self.gateway.stop)
        return self

    async def __aexit__(self, *exc):
        await self._stack.aclose()

    async def observe(self):
        observer = Observer(self.broker)
        self._stack.callback(observer.close)
        await asyncio.wait_for(observer.ready.wait(), LIMIT_S)
        return observer

    async def connect(self, over="tcp", **node):
        loop = asyncio.get_running_loop()
        if over == "tcp":
            transport, wire = await loop.create_connection(TcpWire, "127.0.0.1", self.gateway.tcp_port)
            wire.node = made = Node(transport.write, **node)
        else:
            transport, wire = await loop.create_datagram_endpoint(UdpWire, remote_addr=("127.0.0.1", self.gateway.udp_port))
            wire.node = made = Node(transport.sendto, **node)
        made.wire = wire
        self._stack.callback(transport.close)
        return made


def run(test):
    """The coroutine function `test(stand)` as a test for both brokers."""
    @pytest.mark.parametrize("kind", KINDS)
    def wrapper(kind):
        async def go(stack):
            async with Stand(stack, kind) as stand:
                await test(stand)
        with contextlib.ExitStack() as stack:
            asyncio.run(asyncio.wait_for(go(stack), 60))
    wrapper.__doc__ = test.__doc__
    return wrapper


@pytest.mark.parametrize("over", ["tcp", "udp"])
@pytest.mark.parametrize("kind", KINDS)
def test_messages_go_up_in_the_envelope_of_the_node_and_down_to_it(kind, over):
    async def go(stack):
        async with Stand(stack, kind) as stand:
            observer = await stand.observe()
            node = await stand.connect(over)
            node.hello()
            node.message(7, b"21.5", t=1767225600123)   # behind HELLO, at once
            assert await node.next(frames.WELCOME) == (node.salt, b"\0\0")
            assert await node.next(frames.ACK) == (7, b"")
            assert await observer.next("holdfast/n1/status") == b"online"
            assert json.loads(await observer.next("holdfast/n1/sensor/t")) == {"i": 7, "b": 3, "t": 1767225600123, "p": "21.5"}
            node.message(65001, b'{"ok":true}', b"reply", number=0)
            assert await observer.next("holdfast/n1/reply") == b'{"ok":true}'
            assert await node.next(frames.ACK) == (65001, b"")
            node.send(frames.SUBSCRIBE, 1, b"\1\5cmd/+\2\3a/#")
            assert await node.next(frames.SUBSCRIBED) == (1, b"\1\2")
            observer.publish("holdfast/n1/cmd/led", b"on")
            seq, payload = await node.next(frames.MESSAGE)
            assert frames.open_message(payload) == (1, 0, 0, b"cmd/led", b"on", 0, 0)
            node.send(frames.ACK, seq)
            node.send(frames.PING, 99, b"12345678")
            assert await node.next(frames.PONG) == (99, b"12345678")
            node.send(frames.BYE, 0)
            assert await observer.next("holdfast/n1/status") == b"offline"
    with contextlib.ExitStack() as stack:
        asyncio.run(asyncio.wait_for(go(stack), 60))


@run
async def test_a_repeated_message_is_acknowledged_again_and_published_once(stand):
    """R28: also over a new connection."""
    observer = await stand.observe()
    node = await stand.connect()
    node.hello(envelope="none")
    for flags in (1, 1, 1 | frames.DUP):    # the second one is the same datagram twice
        node.message(7, b"once", flags=flags)
        assert await node.next(frames.ACK) == (7, b"")
    again = await stand.connect(salt=0x5678)
    again.hello(envelope="none")
    await again.next(frames.WELCOME)
    again.message(7, b"once", flags=1 | frames.DUP)
    assert await again.next(frames.ACK) == (7, b"")
    again.message(8, b"another epoch", epoch=4, number=7)
    assert await again.next(frames.ACK) == (8, b"")
    again.message(45000, b"asked for", number=7)    # R20: not marked as sent before
    assert await again.next(frames.ACK) == (45000, b"")
    assert await observer.next("holdfast/n1/sensor/t") == b"once"
    assert await observer.next("holdfast/n1/sensor/t") == b"another epoch"
    assert await observer.next("holdfast/n1/sensor/t") == b"asked for"


@run
async def test_what_the_broker_does_not_have_is_not_acknowledged(stand):
    """The broker goes away: the node is told, keeps its message, and a new connection is refused with MQTT's code 3."""
    node = await stand.connect()
    node.hello()
    await node.next(frames.WELCOME)
    await asyncio.get_running_loop().run_in_executor(None, stand.broker.stop)
    node.message(1, b"lost?")
    assert b"broker" in (await node.next(frames.BYE))[1]
    assert all(kind != frames.ACK for kind, *_ in node.heard._queue)
    other = await stand.connect(salt=9)
    other.hello()
    assert await other.next(frames.WELCOME) == (9, b"\3\0")
    await asyncio.get_running_loop().run_in_executor(None, stand.broker.start)
    third = await stand.connect(salt=10)
    third.hello()
    assert (await third.next(frames.WELCOME))[1][0] == 0
    third.message(1, b"here it is", flags=1 | frames.DUP)
    assert await third.next(frames.ACK) == (1, b"")


@run
async def test_what_is_for_the_node_waits_at_the_broker_until_the_node_has_acknowledged_it(stand):
    """R15 through the gateway: QoS 1 downwards survives a connection that ends in between."""
    observer = await stand.observe()
    node = await stand.connect()
    node.hello()
    node.send(frames.SUBSCRIBE, 1, b"\1\5cmd/+")
    await node.next(frames.SUBSCRIBED)
    observer.publish("holdfast/n1/cmd/valve", b"open")
    await node.next(frames.MESSAGE)             # and no ACK
    node.wire.transport.abort()
    assert await observer.next("holdfast/n1/status") == b"online"
    assert await observer.next("holdfast/n1/status") == b"offline"
    observer.publish("holdfast/n1/cmd/valve", b"close")
    node = await stand.connect(salt=77)
    node.hello()
    assert (await node.next(frames.WELCOME))[1] == b"\0\1"
    assert [frames.open_message((await node.next(frames.MESSAGE))[1])[4] for _ in range(2)] == [b"open", b"close"]


@run
async def test_a_lost_datagram_downwards_is_repeated_and_a_repeated_hello_answered(stand):
    observer = await stand.observe()
    node = await stand.connect("udp")
    node.hello()
    welcome = await node.next(frames.WELCOME)
    node.hello()
    assert await node.next(frames.WELCOME) == welcome
    node.send(frames.SUBSCRIBE, 1, b"\1\5cmd/+")
    await node.next(frames.SUBSCRIBED)
    observer.publish("holdfast/n1/cmd/x", b"1")
    seq, first = await node.next(frames.MESSAGE)
    again, second = await node.next(frames.MESSAGE)
    assert again == seq and first[0] == 1 and second[0] == 1 | frames.DUP
    node.send(frames.ACK, seq)


@run
async def test_datagrams_of_a_former_connection_are_not_taken(stand):
    observer = await stand.observe()
    node = await stand.connect("udp")
    node.hello(envelope="none")
    await node.next(frames.WELCOME)
    stale = frames.encode(frames.MESSAGE, 5, frames.message(1, 3, 0, b"sensor/t", b"stale"), 0xDEAD)
    node._send(stale)
    node.message(6, b"fresh")
    assert await node.next(frames.ACK) == (6, b"")
    assert await observer.next("holdfast/n1/sensor/t") == b"fresh"


@run
async def test_a_new_connection_of_a_node_takes_the_place_of_the_former(stand):
    observer = await stand.observe()
    first = await stand.connect()
    first.hello()
    await first.next(frames.WELCOME)
    second = await stand.connect(salt=2)
    second.hello()
    await second.next(frames.WELCOME)
    await asyncio.wait_for(first.wire.ended.wait(), LIMIT_S)
    second.message(1, b"x")
    await second.next(frames.ACK)
    status = []
    while not observer.seen.empty():
        topic, payload, _ = observer.seen.get_nowait()
        status += [payload] if topic.endswith("status") else []
    assert b"offline" not in status, "the node has not been away"


@run
async def test_a_silent_node_is_offline(stand):
    """R17: after 1.5 times the keep-alive that the node has named."""
    observer = await stand.observe()
    node = await stand.connect("udp")
    node.hello(keepalive_s=1)
    await node.next(frames.WELCOME)
    assert await observer.next("holdfast/n1/status") == b"online"
    assert await observer.next("holdfast/n1/status") == b"offline"


@run
async def test_nonsense_ends_the_connection_and_nothing_else(stand):
    node = await stand.connect()
    node.hello()
    await node.next(frames.WELCOME)
    for words in (b"not json", b"{}", b'{"id": "a/b", "base": "x", "keepalive_s": 5}', b'{"id": "a", "base": "x", "keepalive_s": "y"}', b"[]"):
        liar = await stand.connect(salt=5)
        liar._send(frames.encode(frames.HELLO, 5, words))
        await asyncio.wait_for(liar.wire.ended.wait(), LIMIT_S)
    for kind, payload in ((frames.MESSAGE, b"short"), (frames.MESSAGE, frames.message(1, 1, 0, b"a/#", b"")), (frames.SUBSCRIBE, b"\1\xffx"),
                          (frames.MESSAGE, frames.message(3, 1, 0, b"a", b""))):
        liar = await stand.connect(name="liar", salt=5)
        liar.hello()
        await liar.next(frames.WELCOME)
        liar.send(kind, 1, payload)
        await asyncio.wait_for(liar.wire.ended.wait(), LIMIT_S)
    node.message(1, b"still here")
    assert await node.next(frames.ACK) == (1, b"")


def test_a_wrong_password_is_told_with_the_code_of_the_broker():
    async def go(stack):
        async with Stand(stack, "builtin", users={"node": "right"}) as stand:
            node = await stand.connect()
            node.hello(user="node", password="wrong")
            code = (await node.next(frames.WELCOME))[1][0]
            assert code in (4, 5) and not stand.gateway.links
            other = await stand.connect(salt=3)
            other.hello(user="node", password="right")
            assert (await other.next(frames.WELCOME))[1][0] == 0
    with contextlib.ExitStack() as stack:
        asyncio.run(asyncio.wait_for(go(stack), 60))


@run
async def test_three_hundred_messages_in_one_go_arrive_once_and_in_order(stand):
    observer = await stand.observe()
    node = await stand.connect()
    node.hello(envelope="none")
    await node.next(frames.WELCOME)
    for n in range(1, 301):
        node.message(n, b"%d" % n)
    assert sorted(await node.acked(300)) == list(range(1, 301))
    assert [int(await observer.next("holdfast/n1/sensor/t")) for _ in range(300)] == list(range(1, 301))
