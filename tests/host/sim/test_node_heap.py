"""The node in the heap of a chip, with room to spare: 100 KB on the interpreter with the chip's words."""

import pytest

from holdfast_bench import checkout
from holdfast_bench.checks import judge
from holdfast_bench.choices import choices
from holdfast_bench.scenario import compile_plan, load
from holdfast_bench.sim import stock_spec
from holdfast_bench.sim.runner import run

pytestmark = pytest.mark.skipif(not choices().micropython32, reason="no 32-bit MicroPython on this machine")
HEAP_KB = 100
HEAVIEST = ("bad_day", "messy_network", "overflow_to_flash")


def library():
    """Every scenario for one board in the simulation."""
    found = [(path.stem, load(path)) for path in sorted(checkout.SCENARIOS.glob("*.toml"))]
    return [name for name, scenario in found if "sim" in scenario.places and scenario.boards == 1]


def ends_well(name):
    plan = compile_plan(load(checkout.SCENARIOS / (name + ".toml")), name, 1)
    spec = stock_spec(plan)
    spec.heap_kb = HEAP_KB
    events = run(spec).events()
    result = judge(events, plan, "sim")
    assert result.verdict == "good", result.findings
    assert not [e for e in events if e["ev"] == "err" and e["code"] == "memory"]


@pytest.mark.parametrize("name", HEAVIEST)
def test_heaviest_scenarios_in_100_kb(name):
    ends_well(name)


@pytest.mark.soak
@pytest.mark.parametrize("name", library())
def test_every_scenario_in_100_kb(name):
    ends_well(name)
