"""Drills: a named set, kept, compared with the last times. R48"""

import json
import os
import subprocess
import sys

import pytest

from holdfast_bench.checks.result import Finding, Result
from holdfast_bench.drill import Store, compare, find, known
from holdfast_bench.errors import BenchError
from holdfast_bench.scenario import find as find_scenario

KEY = ("ap_outage", "sim", 1)


def runs(verdict="good", **numbers):
    return {KEY: (verdict, {"recovery_ms": 1000, "lost": 0, **numbers})}


def changes(now, *before):
    return [(c.kind, c.what, c.before, c.now) for c in compare(now, list(before))]


def test_nothing_to_compare_with_is_no_change():
    assert changes(runs()) == []


def test_as_before():
    assert changes(runs(recovery_ms=1400), runs(), runs(recovery_ms=1100)) == []


@pytest.mark.parametrize("now, before, expected", [
    (runs("bad"), runs(), ("worse", "verdict", "good", "bad")),
    (runs("unknown"), runs(), ("worse", "verdict", "good", "unknown")),
    (runs(), runs("bad"), ("better", "verdict", "bad", "good")),
    (runs(recovery_ms=1700), runs(), ("slower", "recovery_ms", 1000, 1700)),
    (runs(recovery_ms=300), runs(), ("quicker", "recovery_ms", 1000, 300)),
    (runs(lost=2), runs(), ("more", "lost", 0, 2)),
    (runs(duplicates=2), runs(), ("more", "duplicates", 0, 2)),
])
def test_what_changed_is_told(now, before, expected):
    assert changes(now, before) == [expected]


def test_one_slow_time_among_five_does_not_move_the_usual():
    before = [runs(recovery_ms=ms) for ms in (1000, 9000, 1100, 900, 1000)]
    assert changes(runs(recovery_ms=2000), *before) == [("slower", "recovery_ms", 1000, 2000)]


def test_a_number_that_did_not_happen_is_compared_with_nothing():
    assert changes(runs(recovery_ms=None), runs()) == []
    assert changes(runs(), runs(recovery_ms=None)) == []


def test_a_run_that_is_new_and_what_is_worst_comes_first():
    now = {**runs("bad"), ("b", "sim", 1): ("good", {})}
    assert [c.kind for c in compare(now, [runs()])] == ["worse", "new"]


def result(verdict="good", **numbers):
    return Result("ap_outage", "sim", 1, verdict, {"recovery_ms": 1000, **numbers}, [], [Finding("lost", "bad", "two are missing")] if verdict == "bad" else [])


def test_the_database_gives_back_what_was_kept_newest_first(tmp_path):
    store = Store(tmp_path / "deep" / "d.sqlite")
    assert store.last("quick") == []
    for ms in (1000, 2000):
        store.add("quick", "2026-01-01T00:00:00", 3.0, "abc", [result(recovery_ms=ms)])
    store.add("other", "2026-01-01T00:00:00", 3.0, "abc", [result("bad")])
    last = store.last("quick")
    assert [d["runs"][KEY] for d in last] == [("good", {"recovery_ms": 2000}), ("good", {"recovery_ms": 1000})]
    assert [d["number"] for d in store.last("quick", before=2)] == [1]


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "d.sqlite").write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(BenchError, match="cannot use .* as the database of drills"):
        Store(tmp_path / "d.sqlite").last("quick")


@pytest.mark.parametrize("name", known())
def test_every_shipped_drill_names_scenarios_that_are_there(name):
    _, drill = find(name)
    assert [s for s in drill.scenarios if "/" not in s and not find_scenario(s)] == []


def test_a_wrong_drill_is_told(tmp_path):
    with pytest.raises(BenchError, match="did you mean 'weekly'"):
        find("weekli")
    (tmp_path / "x.toml").write_text('title = "x"\n')
    with pytest.raises(BenchError, match="x.toml: `scenarios`"):
        find(str(tmp_path / "x.toml"))


def test_a_drill_runs_is_kept_and_compares_itself_with_the_last_time(tmp_path):
    (tmp_path / "mine.toml").write_text('title = "mine"\nscenarios = ["broker_restart", "half_open"]\nboards = ["sim"]\n')

    def drill(*args):
        return subprocess.run([sys.executable, "-m", "holdfast_bench.cli", "drill", "mine.toml", *args], cwd=tmp_path, capture_output=True, text=True,
                              timeout=110, env={**os.environ, "NO_COLOR": "1"})

    first = drill()
    assert first.returncode == 0 and "nothing to compare with yet" in first.stdout, first.stdout + first.stderr
    again = drill("--json", "out.json")
    assert "mine, number 2: 2 good" in again.stdout and "as the last 1 time" in again.stdout
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["number"] == 2 and told["compared_with"] == [1] and told["changes"] == []
    assert [(r["scenario"], r["verdict"]) for r in told["runs"]] == [("broker_restart", "good"), ("half_open", "good")]
