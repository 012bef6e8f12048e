"""A healthy connection: events, buffers, windows, Nagle. Modelled TCP against what a real image and lwIP's source say (docs/simulation.md names the figures' sources)."""

from holdfast_bench.world import air as air_
from holdfast_bench.world.lwip import RCV_WND, SND_BUF, SND_LOWAT
from holdfast_bench.world.tcp_host import RECEIVE_BUFFER
from tcp_rig import World


def test_request_and_answer_cost_two_events_and_one_round_trip():
    w = World(answer=lambda data: b"ack")
    flow = w.open()
    made = w.k._made
    flow.write(b"request")
    began = w.k.now_ms
    assert w.until(lambda: flow.inbox) == began + 2 * air_.DELAY_MS
    assert flow.read(99) == b"ack" and w.app.got == b"request"
    assert w.k._made - made == 2
    w.run(1000)
    assert flow.bytes_out == 0


def test_send_buffer_is_5760_bytes_and_poll_says_full_at_2880(w):
    flow = w.open()
    w.wifi.through = False
    assert flow.write(b"x" * 3000) == 3000
    assert flow.room() == SND_BUF - 3000 <= SND_LOWAT
    assert flow.write(b"x" * 3000) == 2760
    assert flow.write(b"x") == 0


def test_room_comes_back_as_an_event_when_somebody_waits_for_it(w):
    flow = w.open()
    assert flow.write(b"x" * 6000) == SND_BUF
    began = w.k.now_ms
    at = w.until(lambda: flow.room() > SND_LOWAT, 5_000)
    assert at - began <= 60 and len(w.app.got) > 0
    w.run(200)
    assert flow.room() == SND_BUF and len(w.app.got) == SND_BUF


def test_small_writes_wait_for_a_delayed_acknowledgement_unless_nodelay():
    """The 44 ms of several small writes: Nagle on the chip meets Linux's delayed acknowledgement."""
    times = []
    for nodelay in (False, True):
        w = World()
        flow = w.open(nodelay)
        began = w.k.now_ms
        for piece in (b"\x32", b"\x05", b"body"):
            flow.write(piece)
        times.append(w.until(lambda: len(w.app.got) == 6) - began)
    assert times == [40 + 3 * air_.DELAY_MS, air_.DELAY_MS]


def test_chip_that_does_not_read_gets_a_window_full_and_the_rest_when_it_reads(w):
    flow = w.open()
    w.app.peers[0].write(bytes(range(256)) * 100)
    w.run(5_000)
    assert len(flow.inbox) == RCV_WND
    got = b""
    while len(got) < 25_600:
        got += flow.read(1000)
        w.run(50)
    assert got == bytes(range(256)) * 100


def test_host_that_stops_reading_takes_its_buffer_and_goes_on_later(w):
    flow = w.open()
    w.app.peers[0].pause(True)
    sent = 0
    for _ in range(300):
        sent += flow.write(b"x" * 1440)
        w.run(100)
    assert w.app.got == b"" and RECEIVE_BUFFER <= sent <= RECEIVE_BUFFER + SND_BUF
    w.app.peers[0].pause(False)
    w.run(10_000)
    assert len(w.app.got) == sent and flow.room() == SND_BUF


def test_small_writes_a_millisecond_apart_all_go_out_with_nagle():
    """The last one waits for the acknowledgements of those before it, which come at different instants."""
    w = World()
    flow = w.open(nodelay=False)
    for part in (b"one", b"two two", b"three", b"four"):
        flow.write(part)
        w.k.spend_us(400)
    w.run(300)
    assert w.app.got == b"onetwo twothreefour"
