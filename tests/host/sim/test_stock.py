"""The stock firmware in the simulation: the scenario library, and the same bytes for the same seed."""

import pytest

from holdfast_bench import checkout
from holdfast_bench.checks import judge
from holdfast_bench.choices import choices
from holdfast_bench.errors import BenchError
from holdfast_bench.scenario import compile_plan, find, load
from holdfast_bench.sim import idle_plan, run, stock_spec
from holdfast_bench.sim.runner import run as run_spec

SCENARIOS = ("ap_outage", "blackhole", "broker_restart", "half_open", "power_cut", "refused", "watchdog_hang")


def plan_of(name, seed):
    path, = find(name)
    return compile_plan(load(path), name, seed)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_ends_well(name):  # R44, R50
    plan = plan_of(name, seed=1)
    result = judge(run(plan), plan, "sim")
    assert result.verdict == "good", result.findings


def history_of(plan, seed, folder):
    return run_spec(stock_spec(plan, seed=seed), folder=folder).history


def test_equal_seeds_leave_equal_bytes_and_others_do_not(tmp_path):
    histories = [history_of(plan_of("ap_outage", seed), seed, tmp_path / str(i)) for i, seed in enumerate((1, 1, 2, 2))]
    assert histories[0] == histories[1] and histories[2] == histories[3]
    assert histories[0] != histories[2]


@pytest.mark.soak
def test_a_hundred_seeds_twice(tmp_path):
    for seed in range(100):
        plan = plan_of(SCENARIOS[seed % len(SCENARIOS)], seed)
        assert history_of(plan, seed, tmp_path / "once") == history_of(plan, seed, tmp_path / "again"), "seed %d" % seed


@pytest.mark.skipif(not choices().micropython32, reason="no 32-bit MicroPython on this machine")
def test_both_word_sizes_write_the_same_history(tmp_path, monkeypatch):
    plan = plan_of("ap_outage", 3)
    histories = []
    for which in ("micropython", "micropython32"):
        monkeypatch.setattr("holdfast_bench.sim.runner.interpreter", lambda which=which: getattr(choices(), which))
        histories.append(history_of(plan, 3, tmp_path / which))
    assert histories[0] == histories[1]


def test_hours_without_trouble_lose_nothing_within_the_heap_of_a_chip(tmp_path):
    plan = idle_plan(3600 * 1000)
    outcome = run_spec(stock_spec(plan), folder=tmp_path, limit_s=100)
    result = judge(outcome.events(), plan, "sim")
    assert result.verdict == "good" and result.numbers["delivered"] >= 3590
    assert not [e for e in outcome.events() if e["ev"] == "text"]


def test_several_boards_are_politely_refused():
    plan = {**plan_of("ap_outage", 1), "boards": ["b1", "b2"]}
    with pytest.raises(BenchError, match="needs 2 boards at once"):
        run(plan)


def test_folder_without_firmware_is_one_clear_error(tmp_path):
    with pytest.raises(BenchError, match="no firmware|cannot read"):
        run(plan_of("ap_outage", 1), firmware=tmp_path)


def test_library_is_what_the_checkout_has():
    assert set(SCENARIOS) <= {path.stem for path in checkout.SCENARIOS.glob("*.toml")}
