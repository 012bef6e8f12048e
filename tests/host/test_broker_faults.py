"""The built-in broker alone, without sockets and in its own time: fault hooks, limits, and input of any kind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast_bench.world.broker import Broker, Silent
from holdfast_bench.world.broker_link import BACKLOG_LIMIT
from mqtt_clients import ack_packet, connect_packet, publish_packet, subscribe_packet

CONNACK = b"\x20\x02\x00\x00"


class Wire:
    """Keeps what the broker sends."""

    def __init__(self):
        self.out, self.ended, self.paused, self.owed = b"", None, False, 0

    def write(self, data):
        assert self.ended is None, "wrote after the end"
        self.out += data

    def close(self):
        self.ended = "fin"

    def abort(self):
        self.ended = "rst"

    def pause(self, on):
        self.paused = on

    def backlog(self):
        return self.owed

    def take(self):
        out, self.out = self.out, b""
        return out


class Bench:
    """A broker whose owner does what wake_at asks, in virtual time."""

    def __init__(self, **kwargs):
        self.now_ms = 0
        self.seen = []
        watcher = Silent()
        watcher.recv = lambda now_ms, client, topic, payload, qos, retain, dup: self.seen.append((topic, payload))
        self.broker = Broker(watcher=watcher, **kwargs)
        self.due = None
        self.broker.wake_at = self._wake_at

    def _wake_at(self, at_ms):
        self.due = at_ms if self.due is None else min(self.due, at_ms)

    def run_until(self, at_ms):
        while self.due is not None and self.due <= at_ms:
            self.now_ms, self.due = max(self.now_ms, self.due), None
            self.broker.tick(self.now_ms)
        self.now_ms = at_ms

    def client(self, client_id="c", **kwargs):
        wire = Wire()
        link = self.broker.attach(wire, self.now_ms)
        link.feed(connect_packet(client_id, **kwargs), self.now_ms)
        wire.link = link
        return wire

    def feed(self, wire, data):
        wire.link.feed(data, self.now_ms)
        return wire.take()


@pytest.fixture
def bench():
    return Bench()


def test_refusing_counts_down_and_gives_the_code(bench):
    bench.broker.faults.refuse(3, times=2)
    wires = [bench.client("c%d" % i) for i in range(3)]
    assert [w.take() for w in wires] == [b"\x20\x02\x00\x03", b"\x20\x02\x00\x03", CONNACK]
    assert [w.ended for w in wires] == ["fin", "fin", None]
    assert bench.broker.faults.refused == 2


def test_withheld_connack_comes_with_what_was_sent_behind_it(bench):
    bench.broker.faults.withhold_connack()
    c = bench.client()
    assert bench.feed(c, publish_packet("a", b"x", 1, 5)) == b""
    bench.run_until(600_000)
    assert c.ended is None and bench.seen == [] and bench.broker.faults.held == 1
    bench.broker.faults.clear()
    assert c.take() == CONNACK + ack_packet(4, 5)
    assert bench.seen == [(b"a", b"x")]


def test_kick_after_connack(bench):
    bench.broker.faults.kick(after_ms=50)
    c = bench.client()
    assert c.take() == CONNACK and c.ended is None
    bench.run_until(49)
    assert c.ended is None
    bench.run_until(50)
    assert c.ended == "fin" and bench.broker.faults.kicked == 1


def test_dropped_acknowledgements_are_of_processed_messages(bench):
    bench.broker.faults.drop_acks(times=1)
    c = bench.client()
    c.take()
    assert bench.feed(c, publish_packet("a", b"1", 1, 1)) == b""
    assert bench.feed(c, publish_packet("a", b"2", 1, 2)) == ack_packet(4, 2)
    assert bench.seen == [(b"a", b"1"), (b"a", b"2")] and bench.broker.faults.dropped == 1


def test_only_the_named_kinds_are_dropped(bench):
    bench.broker.faults.drop_acks(kinds=("pingresp",))
    c = bench.client()
    c.take()
    assert bench.feed(c, b"\xc0\x00" + publish_packet("a", b"1", 1, 1)) == ack_packet(4, 1)


def test_delayed_acknowledgements_keep_their_order(bench):
    bench.broker.faults.delay_acks(1000)
    c = bench.client()
    c.take()
    for pid in (1, 2):
        assert bench.feed(c, publish_packet("a", b"x", 1, pid)) == b""
        bench.run_until(bench.now_ms + 10)
    bench.run_until(999)
    assert c.take() == b""
    bench.run_until(1010)
    assert c.take() == ack_packet(4, 1) + ack_packet(4, 2)


def test_late_acknowledgement_for_a_client_that_has_gone_goes_nowhere(bench):
    bench.broker.faults.delay_acks(1000)
    c = bench.client()
    c.take()
    bench.feed(c, publish_packet("a", b"x", 1, 1))
    c.link.lost(500)
    bench.run_until(5000)
    assert c.take() == b""


def test_packet_cut_in_the_middle(bench):
    c = bench.client()
    c.take()
    bench.feed(c, subscribe_packet(1, ("a", 0)))
    bench.broker.faults.cut_packet("publish", at=3)
    bench.broker.publish(b"a", b"payload")
    assert c.take() == publish_packet("a", b"payload")[:3] and c.ended == "fin"


def test_stopped_reading_reaches_old_and_new_connections_and_excuses_their_silence(bench):
    old = bench.client("old", keepalive=10)
    bench.broker.faults.stop_reading()
    assert old.paused
    wire = Wire()
    bench.broker.attach(wire, 0)
    assert wire.paused
    bench.run_until(60_000)
    assert old.ended is None
    bench.broker.faults.clear()
    assert not old.paused and not wire.paused


@pytest.mark.parametrize("clean", (False, True))
def test_forgotten_session_is_not_present(bench, clean):
    old = bench.client("c", clean=clean)
    bench.broker.forget()
    assert old.ended == "rst"
    assert bench.client("c", clean=False).take() == CONNACK


def test_silence_is_ended_at_one_and_a_half_keepalives_exactly(bench):  # R17
    c = bench.client(keepalive=10)
    bench.run_until(7_000)
    bench.feed(c, b"\xc0\x00")
    bench.run_until(21_999)
    assert c.ended is None
    bench.run_until(22_000)
    assert c.ended == "fin"


def test_half_a_packet_does_not_count_as_a_sign_of_life(bench):
    c = bench.client(keepalive=10)
    bench.run_until(14_000)
    bench.feed(c, b"\xc0")
    bench.run_until(15_000)
    assert c.ended == "fin"


def test_keepalive_zero_is_for_ever(bench):
    c = bench.client(keepalive=0)
    bench.run_until(10**9)
    assert c.ended is None


def test_connection_that_never_says_connect_is_closed(bench):
    wire = Wire()
    bench.broker.attach(wire, 0)
    bench.run_until(89_999)
    assert wire.ended is None
    bench.run_until(90_000)
    assert wire.ended == "fin"


def test_full_queue_drops_the_newest_and_counts():
    bench = Bench(max_inflight=2, max_queued=3)
    c = bench.client("c", clean=False)
    bench.feed(c, subscribe_packet(1, ("a", 1)))
    c.link.lost(1)
    for i in range(5):
        bench.broker.publish(b"a", b"%d" % i, 1)
    assert bench.broker.sessions[b"c"].dropped == 2
    c = bench.client("c", clean=False)
    assert c.take() == b"\x20\x02\x01\x00" + publish_packet("a", b"0", 1, 1) + publish_packet("a", b"1", 1, 2)
    assert bench.feed(c, ack_packet(4, 1)) == publish_packet("a", b"2", 1, 3)


def test_qos0_to_a_client_that_does_not_read_is_dropped_and_counted(bench):
    c = bench.client()
    bench.feed(c, subscribe_packet(1, ("a", 0)))
    c.owed = BACKLOG_LIMIT + 1
    bench.broker.publish(b"a", b"x")
    assert c.take() == b"" and bench.broker.dropped_qos0 == 1


def test_packet_ids_wrap_and_skip_those_in_flight():
    bench = Bench(max_inflight=3)
    c = bench.client()
    bench.feed(c, subscribe_packet(1, ("a", 1)))
    bench.broker.publish(b"a", b"stays", 1)
    c.take()
    session = bench.broker.sessions[b"c"]
    session.last_pid = 65535
    bench.broker.publish(b"a", b"x", 1)
    assert c.take() == publish_packet("a", b"x", 1, 2)


def test_more_half_delivered_qos2_than_allowed_closes_the_client(bench):
    c = bench.client()
    c.take()
    bench.broker.max_half = 2
    for pid in (1, 2):
        assert bench.feed(c, publish_packet("a", b"x", 2, pid)) == ack_packet(5, pid)
    bench.feed(c, publish_packet("a", b"x", 2, 3))
    assert c.ended == "fin" and bench.broker.malformed == 1


def test_crash_keeps_only_what_is_told_to(bench):
    kept, clean = bench.client("kept", clean=False), bench.client("clean")
    bench.feed(clean, publish_packet("r", b"x", 0, retain=True))
    bench.broker.crash(keep=True)
    assert sorted(bench.broker.sessions) == [b"kept"] and b"r" in bench.broker.retained and bench.broker.links == []
    kept.link.lost(5)
    bench.broker.crash(keep=False)
    assert bench.broker.sessions == {} and bench.broker.retained == {}


STREAM = [connect_packet("c", clean=False, keepalive=7, will=("w", b"will", 1, True), user="u", password="p"),
          subscribe_packet(1, ("a/#", 2), ("b", 0)), publish_packet("a/x", b"0" * 200, 1, 3), publish_packet("a/y", b"", 2, 4, retain=True),
          ack_packet(6, 4), publish_packet("b", b"q0"), b"\xc0\x00", ack_packet(4, 1), b"\xe0\x00"]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_cut_points_of_the_stream_change_nothing(sizes):
    def answers(pieces):
        bench, wire = Bench(), Wire()
        link = bench.broker.attach(wire, 0)
        for piece in pieces:
            link.feed(piece, 0)
        return wire.out, wire.ended, bench.seen

    stream, pieces, at = b"".join(STREAM), [], 0
    for size in sizes:
        pieces.append(stream[at:at + size])
        at += size
    assert answers([p for p in pieces + [stream[at:]] if p]) == answers([stream])


@settings(max_examples=300)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(STREAM)), max_size=12), st.data())
def test_any_input_closes_at_most_its_own_client(pieces, data):
    bench = Bench()
    good = bench.client("good")
    wire = Wire()
    link = bench.broker.attach(wire, 0)
    for piece in pieces:
        if piece and data.draw(st.booleans()):
            i = data.draw(st.integers(0, len(piece) - 1))
            piece = piece[:i] + bytes((data.draw(st.integers(0, 255)),)) + piece[i + 1:]
        link.feed(piece, 0) if link.open else None
    good.take()
    if good.ended is None:      # unless the noise happened to be a CONNECT as "good"
        assert bench.feed(good, b"\xc0\x00") == b"\xd0\x00"
