"""A firmware that forgets is caught, by the name of what it forgot."""

import pytest
from broken_firmware import broken_firmware

from holdfast_bench import checkout
from holdfast_bench.checks import judge
from holdfast_bench.scenario import compile_plan, find, load
from holdfast_bench.sim import run


def judged(firmware, scenario, **parameters):
    plan = compile_plan(load(find(scenario)[0], parameters), scenario, 1)
    return judge(run(plan, firmware=firmware), plan, "sim"), plan


def test_firmware_without_replay_is_bad_and_the_lost_messages_are_named(tmp_path):  # R31, R46
    result, plan = judged(broken_firmware(tmp_path, "no_replay"), "ap_outage")
    assert result.verdict == "bad"
    lost, = [f for f in result.findings if f.law == "lost"]
    assert result.numbers["lost"] >= 3 and len(lost.ids) == result.numbers["lost"]
    assert all(name in lost.text for name in lost.ids)
    drained, = [e for e in result.events if e["ev"] == "drained"]
    assert not drained["ok"] and drained["took_ms"] >= plan["drain_ms"]


@pytest.mark.parametrize("name, scenario, parameters, law", [
    ("no_memory", "main_job", {}, "lost"),
    ("watchdog_always_fed", "watchdog_hang", {"how": "await"}, "expect"),
])
def test_other_broken_firmwares_are_caught_by_the_law_they_break(tmp_path, name, scenario, parameters, law):  # R31
    assert judged(checkout.FIRMWARE, scenario, **parameters)[0].verdict == "good"
    result, _ = judged(broken_firmware(tmp_path, name), scenario, **parameters)
    assert result.verdict == "bad" and law in [f.law for f in result.findings]
