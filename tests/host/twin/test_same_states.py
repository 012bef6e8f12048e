"""The same scenario in the simulation and on twins: the same sequence of states. R50

checks/agreement.py says what that means. Twins run in real time: where a busy machine held its breath, a scenario is carried out once more.
"""

import pytest

from holdfast_bench.checks.agreement import differences
from holdfast_bench.checks.result import GOOD
from holdfast_bench.places import Options
from holdfast_bench.places.several import Wanted, run_several
from holdfast_bench.scenario import compile_plan, library, load

# A fault of each layer: the way, the broker, the supply, the program.
SHORT = ("refused", "broker_restart", "power_cut", "watchdog_hang")
AT_ONCE = 4
TRIES = 2


def plans_of(names, seed=1):
    scenarios = {path.stem: load(path) for path in library() if path.stem in names}
    return {name: compile_plan(scenario, name, seed) for name, scenario in scenarios.items() if {"sim", "twin"} <= set(scenario.places)}


def differing(plans):
    """{name: [what differs, or is not good]} of those plans that are not the same story at both places."""
    wanted = [Wanted(plan, place, Options()) for plan in plans.values() for place in ("twin", "sim")]
    results = {}
    for result, plan in run_several(wanted, AT_ONCE)[0]:
        results.setdefault(plan["scenario"], {})[result.board] = result
    found = {}
    for name, plan in plans.items():
        sim, twin = results[name]["sim"], results[name]["twin"]
        told = ["%s on %s: %s" % (r.verdict, r.board, r.findings) for r in (sim, twin) if r.verdict != GOOD]
        told += differences(sim.events, twin.events, plan, ("sim", "twin"))
        if told:
            found[name] = told
    return found


def left_after_some_tries(plans):
    for _ in range(TRIES):
        found = differing(plans)
        plans = {name: plans[name] for name in found}
        if not plans:
            break
    return found


@pytest.mark.timeout(400)
def test_short_scenarios_are_the_same_story_in_the_simulation_and_on_twins():
    plans = plans_of(SHORT)
    assert sorted(plans) == sorted(SHORT)
    assert left_after_some_tries(plans) == {}


@pytest.mark.soak
@pytest.mark.timeout(6000)
def test_the_whole_library_is_the_same_story_in_the_simulation_and_on_twins():
    assert left_after_some_tries(plans_of({path.stem for path in library()})) == {}
