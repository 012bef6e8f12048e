"""How far down a node seeks the cause of an outage, and that a reset in the middle of it changes nothing. In the simulation."""

from story import Story, command, fault


def rungs(s):
    return [(e["t"], e["rung"]) for e in s.of("ladder")]


def test_long_outage_climbs_rung_by_rung_to_reset_and_cool_down_and_loses_nothing():  # R4, R6: each rung kept over the resets it causes
    config = {"reset_after_s": 120, "cooldown_s": 20, "app": {"period_ms": 20_000}, "safe_boots": 0}
    s = Story(fault("blackhole", 20, 1500), run_s=1700, config=config)
    began = s.at("blackhole")
    first = {}
    for t, rung in rungs(s):
        first.setdefault(rung, t - began)
    assert sorted(first) == [1, 2, 3, 4] and first[1] < first[2] < first[3] < first[4]
    assert 6_000 <= first[1] < 20_000 and 90_000 <= first[2] < 125_000 and 120_000 <= first[3] < 160_000
    resets = [e["cause"] for e in s.of("reset") if e["t"] >= began]
    assert resets[:2] == ["hard", "hard"] and set(resets[2:]) == {"deepsleep"}
    # Each life waits longer than the one before: the count is on record.
    at = [t for t, rung in rungs(s) if rung >= 3]
    assert all(later - earlier >= 120_000 for earlier, later in zip(at, at[1:]))
    assert s.lost == 0 and s.after("blackhole.end", "state", new="online")["t"] - s.at("blackhole.end") < 60_000


def test_radio_is_switched_at_two_minutes_distance_only():  # R4
    s = Story(fault("blackhole", 20, 600), run_s=660, config={"reset_after_s": 0, "app": {"period_ms": 20_000}})
    cycles = [t for t, rung in rungs(s) if rung == 2]
    assert len(cycles) >= 3 and all(later - earlier >= 118_000 for earlier, later in zip(cycles, cycles[1:]))
    assert s.lost == 0 and not s.of("reset", cause="hard")


def test_success_leads_down_to_the_first_rung():  # only real progress does
    s = Story(fault("blackhole", 20, 240), fault("ap_gone", 340, 40), run_s=420, config={"reset_after_s": 0})
    second = [rung for t, rung in rungs(s) if t > 330_000]
    assert 2 in [rung for _, rung in rungs(s)] and second and set(second) == {1}
    assert s.lost == 0


def test_refused_port_never_costs_the_wifi():  # the cause is known: it is not down there
    s = Story(fault("refused", 20, 900), run_s=960, config={"reset_after_s": 300, "app": {"period_ms": 20_000}})
    assert not s.of("ladder") and not s.of("link", up=False) and not s.of("reset", cause="hard")
    assert s.lost == 0


def test_back_off_goes_on_after_a_reset_in_the_middle_of_it():  # R6, R19: no reset storm becomes a connect storm
    config = {"quick_ms": 0, "base_ms": 60_000, "cap_ms": 60_000, "policy": "fixed", "jitter": "none", "app": {"period_ms": 20_000}}
    s = Story(fault("refused", 20, 400), command("again", 70, cmd="reset", kind="hard"), command("once more", 110, cmd="reset", kind="hard"), run_s=500, config=config)
    tries = [e["t"] for e in s.of("dial") if s.at("refused") <= e["t"] <= s.at("refused.end")]
    assert len(s.of("reset", cause="hard")) == 2
    assert 5 <= len(tries) <= 9, tries
    assert all(later - earlier >= 55_000 for earlier, later in zip(tries, tries[1:])), tries
    assert s.lost == 0
