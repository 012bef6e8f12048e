"""Campaigns: what seeds draw, that the same seed is the same story, that results are kept, and that the laws see what is wrong."""

import json
import shutil
import subprocess
import sys

import pytest

from holdfast_bench.campaign import schedule
from holdfast_bench.campaign.campaign import Summary, campaign, seeds_of
from holdfast_bench.campaign.draw import draw
from holdfast_bench.campaign.store import Store, depends_on, sources
from holdfast_bench.campaign.trial import Trial, trial
from holdfast_bench.checkout import FIRMWARE
from holdfast_bench.cli import app_of
from holdfast_bench.errors import BenchError
from holdfast_bench.faults import catalogue
from holdfast_bench.scenario import compile_plan
from typer.testing import CliRunner


def test_every_seed_draws_a_scenario_that_could_have_been_written_by_hand():  # R44
    faults, moments = set(), set()
    for seed in range(300):
        drawn = draw(seed, 1)
        plan = compile_plan(drawn.scenario, drawn.name, seed)
        assert json.loads(json.dumps(plan)) == plan
        faults |= {step.fault for step in drawn.scenario.step}
        moments |= {step.moment for step in drawn.scenario.step if step.moment}
    assert faults == {*schedule.FAULTS, "cable_pulled"} and faults <= set(catalogue())
    assert moments == {moment for wanted in schedule.MOMENTS.values() for moment in wanted}


def test_a_seed_draws_the_same_today_and_tomorrow():
    assert draw(5, 1) == draw(5, 1)
    assert draw(5, 1).scenario != draw(6, 1).scenario
    # What is drawn does not hang together: a longer time of trouble changes no configuration.
    assert draw(5, 1).scenario.config == draw(5, 3).scenario.config


def test_some_seeds_have_more_than_one_way_to_the_broker():  # R25, R29, R44
    scenarios = [draw(seed, 1).scenario for seed in range(200)]
    paths = [s.config["paths"]["order"] for s in scenarios if "paths" in s.config]
    assert 20 <= len(paths) <= 80 and ["lan", "wifi"] in paths and ["wifi", "lan"] in paths and ["wifi"] in paths
    assert any("standby_s" in s.config for s in scenarios)
    assert all(s.world["brokers"] > 1 for s in scenarios if "standby_s" in s.config)
    assert all(("lan" in s.config.get("paths", {})) == s.world.get("lan", False) for s in scenarios)
    pulled = [s for s in scenarios if any(step.fault == "cable_pulled" for step in s.step)]
    assert len(pulled) >= 10 and all(s.world["lan"] for s in pulled)


def test_trial_heals_recovers_and_loses_nothing():  # R31, R44
    done = trial(3, 0.1)
    assert done.verdict == "good", done.findings
    assert done.numbers["accepted"] > 50 and done.virtual_ms >= 360_000


def test_campaign_goes_on_where_it_was_stopped(tmp_path):
    seeds = range(4)
    first = campaign(seeds, 0.03, jobs=2, folder=tmp_path)
    done = [next(first)[0].seed, next(first)[0].seed]
    first.close()
    again = {result.seed: known for result, known in campaign(seeds, 0.03, jobs=2, folder=tmp_path)}
    assert sorted(again) == list(seeds) and all(again[seed] for seed in done)
    assert all(known for _, known in campaign(seeds, 0.03, jobs=2, folder=tmp_path))
    with Store(0.05, folder=tmp_path) as other_hours:
        assert other_hours.known(seeds) == {}


def test_a_result_is_kept_under_everything_that_it_came_from(tmp_path, monkeypatch):  # R45
    """Whatever the trial loads is part of the key, or a seed would be called good that was carried out with something else."""
    show = "import sys, holdfast_bench.campaign.trial; print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'holdfast_bench'))"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert len(loaded) > 30 and set(loaded) <= {str(path) for path in depends_on()}
    firmware = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, firmware)
    before = sources(firmware)
    assert before == sources()
    monkeypatch.setenv("HOLDFAST_LINES", "1")
    assert sources(firmware) != before, "another build of the firmware"
    monkeypatch.delenv("HOLDFAST_LINES")
    (firmware / "holdfast" / "retry.py").write_text("# " + (firmware / "holdfast" / "retry.py").read_text())
    assert sources(firmware) != before


def test_summary_counts_and_names_what_is_not_good():
    summary = Summary(range(3), 1.0)
    summary.add(Trial(0, "good", {"accepted": 5, "delivered": 5}, virtual_ms=3_600_000, real_s=2.0, faults=["rst"]))
    summary.add(Trial(2, "bad", {"accepted": 7, "lost": 1}, [{"law": "lost", "verdict": "bad", "text": "…", "t": 1}], 3_600_000, 2.0, ["rst", "loss"]))
    told = summary.as_json()
    assert (told["good"], told["bad"], told["unknown"], told["done"]) == (1, 1, 0, 2)
    assert told["speed"] == 1800 and told["totals"]["accepted"] == 12 and told["faults"] == {"rst": 2, "loss": 1}
    assert [f["seed"] for f in told["failing"]] == [2] and told["laws"] == {"lost": 1}


@pytest.mark.parametrize("text,says", [("20:10", "has to be greater"), ("5:5", "has to be greater"), ("x", "two whole numbers"), ("1:b", "two whole numbers"),
                                       ("-3:4", "begin at 0"), ("0:99999999", "at most")])
def test_seeds_that_make_no_sense_are_one_clear_line(text, says):
    with pytest.raises(BenchError, match=says):
        seeds_of(text)


@pytest.mark.parametrize("args,says", [(["--seeds", "9:3"], "has to be greater"), (["--seeds", "0:1", "--hours", "0"], "--hours 0"),
                                       (["--seeds", "0:1", "--dask", "tcp://127.0.0.1:1", "--jobs", "2"], "--jobs is for"),
                                       (["--seeds", "0:1", "--firmware", "/nonexistent"], "holds no firmware|no folder|config.example")])
def test_bad_input_is_one_line_and_status_2(tmp_path, monkeypatch, args, says):
    import re
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app_of(), ["campaign", *args])
    assert result.exit_code in (2,), result.output
    assert re.search(says, result.output) and "Traceback" not in result.output


def test_command_tells_and_writes_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app_of(), ["campaign", "--seeds", "0:2", "--hours", "0.02", "--json", "out.json"])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["done"] == told["good"] == 2 and told["virtual_s"] >= 144
    assert (tmp_path / "runs" / "campaigns.sqlite").exists()


def test_replay_tells_the_story(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app_of(), ["replay", "--seed", "3", "--hours", "0.1", "--events", "all.jsonl"])
    assert result.exit_code == 0, result.output
    assert "dialing → online" in result.output and "everything is in" in result.output
    events = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert events[0]["ev"] == "start" and len(events) > 500


def test_failing_seed_is_shrunk_to_the_step_that_matters(tmp_path):
    """A firmware that forgets what was on its way: of all the trouble, one break of the connection is enough to show it."""
    from broken_firmware import broken_firmware
    from holdfast_bench.campaign.shrink import Shrinker, as_toml
    from holdfast_bench.campaign.trial import carry_out
    from holdfast_bench.scenario import load
    firmware = broken_firmware(tmp_path, "no_replay")

    def fails(scenario):
        return any(f.law == "lost" and f.verdict == "bad" for f in carry_out(scenario, "short", 1, firmware)[0].findings)

    long = draw(1, 0.1).scenario
    streams = [{**long.config["app"]["streams"][0], "qos": 1}]
    long = long.model_copy(update={"config": {**long.config, "app": {"streams": streams}}, "step": [
        type(long.step[0])(**step) for step in ({"fault": "deauth", "at_s": 20}, {"fault": "blackhole", "at_s": 40, "for_s": 30}, {"fault": "rst", "at_s": 130})]})
    assert fails(long)
    short = Shrinker(fails, runs=25).shrink(long)
    assert len(short.step) == 1 and fails(short)
    # The file that comes of it is a scenario like any other.
    file = tmp_path / "short.toml"
    file.write_text(as_toml(short))
    assert load(file) == short
