"""R33, R34: what the broker sends reaches the collector whole, however the network cuts it into pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast_bench.monitor.stream import Stream


def packet(first, body):
    n, size = len(body), b""
    while True:
        size += bytes((n & 127 | (128 if n > 127 else 0),))
        n >>= 7
        if not n:
            return bytes((first,)) + size + body


def publish(topic, payload, qos, retain, dup, mid, properties=None):
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if qos else b"")
    if properties is not None:
        n = len(properties)
        body += (bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7))) + properties
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + payload)


class Pieces:
    """A socket that gives what was cut for it, then nothing for now."""

    def __init__(self, pieces):
        self._pieces = list(pieces)

    def recv(self, n):
        if not self._pieces:
            raise BlockingIOError
        piece = self._pieces.pop(0)
        if len(piece) > n:
            self._pieces.insert(0, piece[n:])
        return piece[:n]


messages = st.tuples(st.binary(max_size=20), st.binary(max_size=300) | st.integers(1000, 300_000).map(bytes), st.sampled_from([0, 1, 2]), st.integers(0, 1), st.integers(0, 1), st.integers(1, 65535))


@settings(deadline=None)
@given(st.lists(messages | st.binary(max_size=5), max_size=12), st.lists(st.integers(0, 4000) | st.integers(0, 1_000_000), max_size=8), st.none() | st.sampled_from([b"", b"\x01\x01", b"x" * 200]))
def test_any_split_of_the_stream_gives_the_same_messages(items, cuts, properties):
    stream, wanted = b"", []
    for item in items:
        if isinstance(item, bytes):     # another kind of packet: paho's
            stream += packet(0x40, item)
            wanted.append(item)
        else:
            topic, payload, qos, retain, dup, mid = item
            stream += publish(topic, payload, qos, retain, dup, mid, properties)
            wanted.append((topic, payload, qos, retain, dup, mid if qos else 0))
    cuts = sorted({c for c in cuts if 0 < c < len(stream)})
    sock = Stream(Pieces([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])] if stream else []))
    got = []
    while sock.fill():
        while sock.packets(properties is not None, lambda *message: got.append(message)):
            head = sock.recv(2)
            got.append(sock.recv(head[1]) if head[1] else b"")
            with pytest.raises(BlockingIOError):    # paho sees this packet, and no further
                sock.recv(1)
    assert got == wanted


@given(st.binary(min_size=2, max_size=200))
def test_a_stream_that_is_no_mqtt_ends_the_connection_and_nothing_else(stream):
    sock = Stream(Pieces([stream]))
    sock.fill()
    try:
        while sock.packets(True, lambda *message: None):
            while True:
                try:
                    if not sock.recv(100):
                        break
                except BlockingIOError:
                    break
    except OSError as e:
        assert "broker sends" in str(e)
