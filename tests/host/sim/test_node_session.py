"""Sessions that break, brokers that misbehave: nothing lost, nothing hammered, the Wi-Fi left alone."""

import pytest
from story import Story, fault


def untouched_wifi(s):
    return not s.of("link", up=False) and not s.of("ladder")


@pytest.mark.parametrize("steps", [
    fault("rst", 20), fault("takeover", 20), fault("broker_forgets_session", 20),
    fault("packet_cut", 20, 5, kind="puback", at=1), fault("packet_cut", 20, 5, kind="connack", at=2) + fault("rst", 22),
], ids=["rst", "takeover", "session forgotten", "cut between PUBLISH and PUBACK", "cut in CONNACK"])
def test_one_break_is_mended_at_once(steps):  # R7, R15, R46
    s = Story(*[steps], run_s=60)
    broken = s.at(steps[-1]["id"]) if not steps[-1]["id"].endswith(".end") else s.at(steps[0]["id"])
    again = [e["t"] for e in s.of("state", new="online") if e["t"] > broken]
    assert again and again[0] - broken < 2500
    assert s.lost == 0 and untouched_wifi(s)


def test_broker_that_kicks_after_connack_is_left_alone_for_a_while():  # R1, R5: back-off also after a successful CONNACK
    s = Story(fault("broker_kicks", 20, 120), run_s=200)
    kicks = [e["t"] for e in s.of("disconnect") if s.at("broker_kicks") <= e["t"] <= s.at("broker_kicks.end")]
    # Five at first, then the breaker lets one trial through every 30 s.
    assert 6 <= len(kicks) <= 12
    assert max(b - a for a, b in zip(kicks, kicks[1:])) >= 29_000
    assert s.lost == 0 and untouched_wifi(s)


def test_acknowledgements_that_never_come_are_asked_for_again():  # R12: the connection lives, its other end does not do its work
    s = Story(fault("acks_lost", 20, 60), run_s=130)
    assert s.after("acks_lost", "err", code="unacked") and s.lost == 0
    assert s.result.numbers["duplicates"] > 0 and untouched_wifi(s)


def test_late_acknowledgements_are_no_loss():  # R13: one late answer makes suspect, and no more
    s = Story(fault("acks_late", 20, 60, delay_ms=2500), run_s=100)
    assert "suspect" in s.states(s.at("acks_late")) and not s.of("err")
    assert s.lost == 0 and s.result.numbers["reconnects"] == 0


def test_jitter_is_told_from_loss():  # R13
    s = Story(fault("slow_link", 20, 100, delay_ms=300, jitter_ms=300), run_s=150)
    assert not s.of("err") and s.lost == 0 and s.result.numbers["reconnects"] == 0


def test_broker_that_hangs_is_noticed_by_its_silence():  # R12
    s = Story(fault("broker_hangs", 20, 40), run_s=120)
    noticed = s.after("broker_hangs", "err", code="gone")
    assert noticed["t"] - s.at("broker_hangs") < 4500
    recovered = s.after("broker_hangs.end", "state", new="online")["t"] - s.at("broker_hangs.end")
    assert recovered < 8000 and s.lost == 0


def test_connack_that_does_not_come_is_waited_for_within_a_limit():
    s = Story(fault("connack_withheld", 20, 40), run_s=120)
    assert s.after("connack_withheld", "err", code="timeout")["msg"] == "no CONNACK"
    assert s.after("connack_withheld.end", "state", new="online")["t"] - s.at("connack_withheld.end") < 8000 and s.lost == 0


def test_half_the_packets_lost_in_bursts_loses_no_message():  # R44
    s = Story(fault("loss", 20, 60, p=0.5, correlation=0.25), run_s=140)
    assert s.lost == 0 and s.result.numbers["watchdog_bites"] == 0


def test_sampling_does_not_notice_any_of_it():  # the application never waits
    steps = [fault(name, 20 + 40 * i, 20) for i, name in enumerate(("ap_gone", "blackhole", "refused", "connack_withheld", "broker_hangs", "loss"))]
    s = Story(*steps, run_s=300, config={"app": {"period_ms": 250}})
    # Once the radio has been switched on, which blocks (it is the driver's way).
    taken = [e["ticks"] for e in s.of("accept") if e["t"] > s.of("link", up=True)[0]["t"]]
    assert len(taken) > 1000 and max(b - a for a, b in zip(taken, taken[1:])) <= 270
