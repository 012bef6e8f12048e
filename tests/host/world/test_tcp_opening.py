"""How connections begin. Modelled TCP against what a real image and lwIP's source say (docs/simulation.md names the figures' sources)."""

import pytest

from holdfast_bench.world import air as air_
from holdfast_bench.world.air import DOWN, UP, Blackhole
from holdfast_bench.world.lwip import DEAD, DIALING, ECONNABORTED, ECONNRESET, EHOSTUNREACH, OPEN
from tcp_rig import World


def test_connection_is_open_after_one_round_trip_and_accepted_half_a_one_later(w):
    flow = w.dial()
    assert flow.state == DIALING
    assert w.until(lambda: flow.state == OPEN) == 2 * air_.DELAY_MS
    assert w.until(lambda: w.app.peers) == 3 * air_.DELAY_MS


def test_closed_port_is_reset_after_one_round_trip(w):
    flow = w.dial(port=1)
    assert w.until(lambda: flow.state == DEAD) == 2 * air_.DELAY_MS
    assert flow.error == ECONNRESET


@pytest.mark.parametrize("phase_ms", [0, 17, 250, 499])
def test_silent_host_is_given_up_between_18_and_18_5_s(phase_ms):
    w = World(phase_ms=phase_ms)
    w.host.up = False
    flow = w.dial()
    assert 18_000 <= w.until(lambda: flow.state == DEAD) <= 18_500
    assert flow.error == ECONNABORTED


def test_absent_host_is_given_up_after_57_s(w):
    flow = w.dial("10.0.0.99")
    assert w.until(lambda: flow.state == DEAD) == 57_400
    assert flow.error == ECONNABORTED


def test_dial_without_an_address_is_unreachable_at_once(w):
    w.wifi.joined = False
    flow = w.dial()
    assert (flow.state, flow.error, flow.room()) == (DEAD, EHOSTUNREACH, 0)


def test_lost_syn_is_repeated_without_back_off(w):
    hole = w.air.add(Blackhole())
    flow = w.dial()
    w.run(7_700)
    w.air.remove(hole)
    # SYNs at 0, 1.5, 3.0 … s: the next one gets through.
    assert w.until(lambda: flow.state == OPEN) == 9_000 + 2 * air_.DELAY_MS


@pytest.mark.parametrize("kind,direction", [(air_.SYN, UP), (air_.SYN_ACK, DOWN), (air_.ACK, UP)])
def test_each_segment_of_the_handshake_may_be_lost_once(w, kind, direction):
    rule = w.air.add(Blackhole(direction, kinds=(kind,)))
    flow = w.dial()
    w.run(700)
    w.air.remove(rule)
    w.until(lambda: flow.state == OPEN and w.app.peers, 3000)
    flow.write(b"x")
    w.run(100)
    assert w.app.got == b"x" and len(w.app.peers) == 1


def test_accepts_a_second_are_limited_and_the_rest_comes_with_repeated_syns(w):  # R47
    w.host.connects_per_s = 2
    flows = [w.dial() for _ in range(6)]
    w.run(1_000)
    assert sum(f.state == OPEN for f in flows) == 2 and w.host.dropped_syns == 4
    w.run(5_000)
    assert all(f.state == OPEN for f in flows)
