"""The library's scenarios of further transports and of configuration, in simulation: what they promise is judged there as everywhere."""

import pytest

from holdfast_bench.checks import judge
from holdfast_bench.checkout import SCENARIOS
from holdfast_bench.places import sim as places
from holdfast_bench.places.options import Options
from holdfast_bench.scenario.load import load
from holdfast_bench.scenario.plan import compile_plan
from holdfast_bench.sim import stock
from holdfast_bench.sim.runner import idle_plan

NAMES = ["broker_addresses", "broker_list", "broker_local", "config_power_cut", "config_wrong", "dtu", "first_setup", "first_setup_power_cut", "frame_envelope", "frames_gateway", "frames_udp", "modem_gone", "paths_cable", "paths_cellular", "paths_networks", "paths_quality", "standby", "update", "update_broken", "update_duty", "update_refused", "websocket"]
GATEWAY = {"brokers": [{"protocol": "frames", "port": 7180}]}
WEBSOCKET = {"brokers": [{"transport": "ws", "port": 80}]}
ELSEWHERE = ["ap_outage", "broker_restart", "half_open", "refused"]


def simulated(name, seed, **config):
    plan = compile_plan(load(SCENARIOS / (name + ".toml")), name, seed)
    plan["config"] = {**plan["config"], **config}
    return judge(stock.run(plan), plan, "sim")


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name):
    result = simulated(name, 3)
    assert result.verdict == "good", result.findings


@pytest.mark.parametrize("at", [0, 60, 200, 300, 4350, 4600, 4800])
def test_wherever_the_power_goes_while_the_first_configuration_is_saved_the_node_has_it_all_or_nothing(at):  # R42: into the file, the directory, what follows
    plan = compile_plan(load(SCENARIOS / "first_setup_power_cut.toml"), "first_setup_power_cut", 1)
    for action in plan["actions"]:
        if action.get("fault"):
            action["args"]["at"] = at
    result = judge(stock.run(plan), plan, "sim")
    assert result.verdict == "good", result.findings


@pytest.mark.parametrize("over", [GATEWAY, WEBSOCKET], ids=["gateway", "websocket"])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_everyday_trouble_is_no_different_over(name, over):  # R22
    result = simulated(name, 5, **over)
    assert result.verdict == "good" and result.numbers["lost"] == 0, result.findings


@pytest.mark.parametrize("ping_s, closes", [(8, False), (200, True)])
def test_a_proxy_that_closes_idle_links_is_kept_awake_by_the_heartbeat(ping_s, closes):  # R13, R22: it closes after 60 s
    config = {"ping_s": ping_s, "keepalive_s": 600, "metrics_s": 0, "app": {"period_ms": 150_000}, **WEBSOCKET}
    events = stock.run({**idle_plan(400_000), "config": config})
    assert bool([e for e in events if e["ev"] == "err"]) == closes
    assert [e for e in events if e["ev"] == "state" and e.get("new") == "online"]


def test_a_fleet_is_updated_whatever_happens_to_one_of_it():  # R42
    plan = compile_plan(load(SCENARIOS / "update_fleet.toml"), "update_fleet", 3)
    result = places.run(plan, Options())
    assert result.verdict == "good", result.findings
    kept = {e["src"] for e in result.events if e["ev"] == "update" and e.get("state") == "kept"}
    assert kept == {"board/b1", "board/b2", "board/b3"}
