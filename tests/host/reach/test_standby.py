"""A second connection at the ready: the switch to the backup broker takes a round trip, whatever ends the first one, and costs nothing where it is not wanted."""

import pytest
from reach_story import LAN, Story, fault

READY = {"standby_s": 60}
ONE_WAY_MS = 50
RTT_MS = 2 * ONE_WAY_MS


def dials(s, ip="10.73.0.3"):
    return [e["t"] for e in s.of("dial") if e["ip"] == ip]


def switched_ms(s, step):
    """From the failure being known to the first message acknowledged by the other broker."""
    failed = s.after(step, "err")
    return next(e["t"] for e in s.of("ack") if e["t"] > failed["t"]) - failed["t"]


@pytest.mark.parametrize("name", ["broker_stopped", "broker_killed"])
@pytest.mark.parametrize("seed", range(3))
def test_a_broker_that_ends_costs_two_round_trips_at_most(name, seed):  # R29
    s = Story(fault(name, 30 + seed / 3, 40, which=1), run_s=100, seed=seed, config={**READY, "app": {"period_ms": 100}}, brokers=2, delay_ms=ONE_WAY_MS)
    assert switched_ms(s, name) <= 2 * RTT_MS and s.lost == 0
    without = Story(fault(name, 30 + seed / 3, 40, which=1), run_s=100, seed=seed, config={"app": {"period_ms": 100}}, brokers=2, delay_ms=ONE_WAY_MS)
    assert switched_ms(without, name) > 2 * RTT_MS, "else it is no help"


def test_it_is_renewed_when_it_has_been_idle_for_long_and_kept_to_one():  # R29: idle time-out
    s = Story(run_s=200, config={"standby_s": 30}, brokers=2)
    times = dials(s)
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert 6 <= len(times) <= 9 and all(22_000 < gap < 32_000 for gap in gaps) and s.lost == 0
    assert max(gaps) - min(gaps) > 1000, "a fleet does not stay in step"  # R3


def test_a_broker_that_ends_silent_connections_is_learned_and_met():  # R29: idle time-out
    s = Story(run_s=900, config={"standby_s": 600}, brokers=2)
    ended = [e["t"] for e in s.of("disconnect") if e["broker"] == 1 and e["why"] == "keep-alive exceeded"]
    assert len(ended) == 2, "ours ends them after 90 s; the third is renewed before"
    after = [t for t in dials(s) if t > ended[-1]]
    assert len(after) >= 7 and all(b - a < 90_000 for a, b in zip(after, after[1:]))


def test_a_broker_that_closes_idle_connections_is_asked_again_with_pauses():  # R29: health check
    s = Story(fault("broker_stopped", 20, 60, which=2), run_s=150, config=READY, brokers=2)
    times = [t for t in dials(s) if s.at("broker_stopped") <= t < s.at("broker_stopped.end")]
    assert 3 <= len(times) <= 8
    assert len(s.of("state", new="online")) == 1, "the session at the first broker does not notice"
    late = Story(fault("broker_stopped", 20, 20, which=2), run_s=60, config=READY, brokers=2)
    assert [t for t in dials(late) if t > late.at("broker_stopped.end")], "and it is there again afterwards"


def test_a_standby_that_is_dead_costs_its_time_limit_and_no_message():  # R29
    s = Story(fault("half_open", 40), run_s=120, config={**READY, "app": {"period_ms": 200}}, brokers=2, delay_ms=ONE_WAY_MS)
    assert s.lost == 0 and s.after("half_open", "ack")["t"] - s.at("half_open") < 8000


def test_back_to_the_preferred_broker_and_ready_again():  # R24, R29
    s = Story(fault("broker_stopped", 20, 20, which=1), fault("broker_killed", 150, 20, which=1), run_s=220, config={**READY, "return_s": 20, "app": {"period_ms": 200}}, brokers=2)
    assert [e["why"] for e in s.of("state") if e["new"] == "dialing" and e["old"] == "online"].count("back to broker 0") == 2
    assert switched_ms(s, "broker_killed") <= 260 and s.lost == 0


def test_a_node_that_does_not_want_it_opens_no_second_connection():
    assert dials(Story(run_s=60, brokers=2)) == []


def test_with_websocket_the_upgrade_is_done_beforehand():  # R22, R29
    ws = {"brokers": [{"transport": "ws", "port": 80}, {"transport": "ws", "port": 80}]}
    s = Story(fault("broker_stopped", 30, 40, which=1), run_s=90, config={**READY, **ws, "app": {"period_ms": 100}}, brokers=2, delay_ms=ONE_WAY_MS)
    assert switched_ms(s, "broker_stopped") <= 2 * RTT_MS and s.lost == 0


def test_over_another_path_the_standby_is_made_anew():  # R25, R29
    s = Story(fault("cable_pulled", 30, 200), fault("broker_stopped", 80, 40, which=1), run_s=150, brokers=2, lan=True, delay_ms=ONE_WAY_MS,
              config={**READY, "paths": {"order": ["lan", "wifi"], "lan": LAN}, "app": {"period_ms": 200}})
    assert switched_ms(s, "broker_stopped") <= 2 * RTT_MS and s.lost == 0
