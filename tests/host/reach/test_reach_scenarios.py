"""The library's scenarios of further transports, in simulation: what they promise is judged there as everywhere."""

import pytest

from holdfast_bench.checks import judge
from holdfast_bench.checkout import SCENARIOS
from holdfast_bench.scenario.load import load
from holdfast_bench.scenario.plan import compile_plan
from holdfast_bench.sim import stock

NAMES = ["frame_envelope", "frames_gateway", "frames_udp"]
GATEWAY = {"brokers": [{"protocol": "frames", "port": 7180}]}
ELSEWHERE = ["ap_outage", "broker_restart", "half_open", "refused"]


def simulated(name, seed, **config):
    plan = compile_plan(load(SCENARIOS / (name + ".toml")), name, seed)
    plan["config"] = {**plan["config"], **config}
    return judge(stock.run(plan), plan, "sim")


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name):
    result = simulated(name, 3)
    assert result.verdict == "good", result.findings


@pytest.mark.parametrize("name", ELSEWHERE)
def test_everyday_trouble_is_no_different_over_a_gateway(name):  # R22
    result = simulated(name, 5, **GATEWAY)
    assert result.verdict == "good" and result.numbers["lost"] == 0, result.findings
