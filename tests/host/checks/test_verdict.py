"""How findings become a verdict: empty, sane, cut short, out of bounds."""

import pytest
from by_hand import PLAN, Story, laws

from holdfast_bench.checks import judge
from holdfast_bench.checks.result import exit_status, merge


def test_empty_history_shows_nothing():
    result = judge([], PLAN)
    assert result.verdict == "unknown"
    assert result.numbers["accepted"] == 0 and result.lost_ids == []


def test_sane_run_is_good():
    result = Story().accept(1, 2, 3).recv(1, 2, 3).drained().judge()
    assert result.verdict == "good" and result.findings == []
    assert (result.numbers["accepted"], result.numbers["delivered"], result.numbers["lost"]) == (3, 3, 0)


def test_missed_expectation_is_bad_and_says_what_was_last_seen():
    result = Story().accept(1).recv(1).bench("expect", id="x", ok=False, what="the alarm", within_ms=5000, last="state=online").drained().judge()
    assert laws(result) == [("expect", "bad")] and "state=online" in result.findings[0].text


def test_fault_that_did_not_take_effect_makes_the_verdict_unknown():
    result = Story().accept(1).recv(1).bench("effect", id="outage", ok=False, why="the access point still answers").drained().judge()
    assert result.verdict == "unknown" and "still answers" in result.findings[0].text


def test_a_run_cut_short_is_unknown():
    result = Story().accept(1).recv(1).drained().bench("stopped", why="interrupted").judge()
    assert result.verdict == "unknown"


def test_a_crashed_check_is_unknown_never_good():
    story = Story().accept(1).recv(1).drained()
    story.add("board/b1", "state", new="online")  # no `old`: no console of ours would write it
    result = story.judge()
    assert result.verdict == "unknown" and "crashed" in result.findings[0].text


@pytest.mark.parametrize("limits, verdict", [({"min": 1}, "bad"), ({"max": 0}, "good"), ({"min": 0, "max": 3}, "good")])
def test_scenario_bounds_on_numbers(limits, verdict):
    assert Story().accept(1).recv(1).drained().judge(bounds={"watchdog_bites": limits}).verdict == verdict


def test_a_minimum_not_reached_in_a_run_cut_short_is_unknown():
    assert Story().accept(1).recv(1).bench("stopped", why="interrupted").judge(bounds={"watchdog_bites": {"min": 1}}).verdict == "unknown"


def test_bound_on_something_that_did_not_happen_is_bad():
    assert Story().accept(1).recv(1).drained().judge(bounds={"detect_ms": {"max": 5000}}).verdict == "bad"


def test_json_of_a_run_has_the_fixed_names_in_order():
    result = Story().accept(1).recv(1).drained().judge().as_json()
    assert [k for k in result if k != "findings"] == [
        "scenario", "board", "seed", "verdict", "accepted", "delivered", "lost", "lost_ids", "beyond_promise", "duplicates",
        "reported_dropped", "recovery_ms", "detect_ms", "stall_ms_max", "watchdog_bites", "resets", "reconnects", "events"]


def test_bad_beats_unknown_beats_good():
    assert merge(["good", "unknown", "bad"]) == "bad" and merge(["good", "unknown"]) == "unknown" and merge([]) == "good"
    assert [exit_status([v]) for v in ("good", "bad", "unknown")] == [0, 1, 2]


def test_an_error_that_repeats_itself_is_told_once_at_its_first_moment():
    from holdfast_bench.checks.errors import _together
    from holdfast_bench.checks.laws import found

    told = _together([found("errors", "bad", "no memory for %d bytes" % n, t) for n, t in ((1396, 2000), (1398, 3000), (1400, 9500))] + [found("errors", "bad", "else", 4000)])
    assert [(f.text, f.t) for f in told] == [("no memory for 1396 bytes (3 times, the last at 9.5 s)", 2000), ("else", 4000)]
