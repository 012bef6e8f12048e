"""Two runs of one scenario at two places: the same sequence of states, whatever chance and pace do to it. R50"""

import pytest

from holdfast_bench.checks import agreement
from holdfast_bench.checks.agreement import differences

PLAN = {"boards": ["b1"], "sample_ms": 500, "actions": [{"id": "away", "do": "fault", "fault": "ap_gone"}]}
START = (("boot", 1.0), ("dialing", 3.4), ("online", 3.5))


def lane(*steps, plan_id="away", fault_s=8.0, end_s=38.0):
    """A history: (state, "boot" or "off", at s), and a fault from fault_s to end_s."""
    events, state = [], "down"
    for what, at_s in (*START, *steps):
        if what == "boot":
            events.append({"t": int(at_s * 1000), "src": "board/b1", "ev": "boot"})
            state = "down"
        elif what == "off":
            events.append({"t": int(at_s * 1000), "src": "chip/b1", "ev": "power", "on": False})
        else:
            events.append({"t": int(at_s * 1000), "src": "board/b1", "ev": "state", "old": state, "new": what})
            state = what
    events += [{"t": int(fault_s * 1000), "src": "bench", "ev": "fault", "id": plan_id},
               {"t": int(end_s * 1000), "src": "bench", "ev": "end", "id": plan_id + ".end", "of": plan_id}]
    events.append({"t": 90_000, "src": "bench", "ev": "drained"})
    return sorted(events, key=lambda e: e["t"])


OUTAGE = (("suspect", 9.5), ("backoff", 10.7), ("dialing", 10.8), ("backoff", 11.8), ("down", 16.0), ("dialing", 39.0), ("online", 39.1))


def test_equal_runs_agree():
    assert differences(lane(*OUTAGE), lane(*OUTAGE), PLAN) == []


@pytest.mark.parametrize("other", [
    (("suspect", 9.9), ("backoff", 11.1), ("down", 16.5), ("dialing", 39.4), ("online", 39.5)),     # fewer tries
    (("suspect", 9.9), *[(s, 11 + i / 4) for i in range(8) for s in ("backoff", "dialing")], ("down", 16.5), ("dialing", 39.4), ("online", 39.5)),
    (("backoff", 10.7), ("down", 17.5), ("dialing", 39.9), ("online", 40.0)),                         # the suspicion was brief, or was not
    (*OUTAGE, ("dialing", 89.0)),                                                                    # the run was over
    (*OUTAGE[:5], ("dialing", 20.0), ("down", 20.5), *OUTAGE[5:]),                                    # one more try on the way
    (*OUTAGE, ("suspect", 60.0), ("online", 60.2)),                                                    # the machine held its breath
])
def test_what_the_scenario_does_not_say_may_differ(other):
    assert differences(lane(*OUTAGE), lane(*other), PLAN) == []
    assert differences(lane(*other), lane(*OUTAGE), PLAN) == []


@pytest.mark.parametrize("other,says", [
    ((), "nothing more"),                                                                              # it never noticed
    (OUTAGE[:-1], "nothing more"),                                                                     # it never came back
    ((*OUTAGE[:5], ("boot", 25.0), *OUTAGE[5:]), "start"),                                           # it restarted
    ((*OUTAGE[:4], ("error", 14.0), ("dialing", 39.0), ("online", 39.1)), "error"),
    ((*OUTAGE, ("backoff", 50.0), ("dialing", 50.1), ("online", 50.2)), "trying"),                    # it lost the connection once more
    ((*OUTAGE[:5], ("dialing", 30.0), ("online", 30.1)), "end"),                                      # it was back long before the end
    ((*OUTAGE[:5], ("off", 30.0), ("boot", 36.0), *OUTAGE[5:]), "off"),
])
def test_another_story_is_a_difference_and_is_told(other, says):
    found = differences(lane(*OUTAGE), lane(*other), PLAN, ("sim", "twin"))
    assert found and found[0].board == "b1" and says in found[0].text, found
    assert differences(lane(*other), lane(*OUTAGE), PLAN)


def test_where_single_frames_are_lost_by_chance_only_the_kinds_of_states_are_compared():
    plan = {**PLAN, "actions": [{"id": "away", "do": "fault", "fault": agreement.BY_CHANCE[0]}]}
    often = [(s, 12 + i * 3 + j) for i in range(5) for j, s in enumerate(("suspect", "backoff", "online"))]
    assert differences(lane(*OUTAGE), lane(*often, ("down", 35.0), ("dialing", 39.0), ("online", 39.1)), plan) == []
    assert differences(lane(*OUTAGE), lane(*OUTAGE[:-1]), plan)
    assert differences(lane(*OUTAGE), lane(*OUTAGE, ("error", 45.0), ("dialing", 50.0), ("online", 51.0)), plan)


def test_under_jitter_a_late_answer_is_chance_but_a_lost_connection_is_not():
    plan = {**PLAN, "actions": [{"id": "away", "do": "fault", "fault": "slow_link", "args": {"delay_ms": 500, "jitter_ms": 300}}]}
    late = (("suspect", 12.0), ("online", 14.5), ("suspect", 20.0), ("online", 22.5))
    assert differences(lane(), lane(*late), plan) == []
    assert differences(lane(*late), lane(), plan) == []
    assert differences(lane(), lane(*late[:3], ("backoff", 22.0), ("dialing", 22.1), ("online", 22.5)), plan)
    steady = {**PLAN, "actions": [{**plan["actions"][0], "args": {"delay_ms": 500, "jitter_ms": 0}}]}
    assert differences(lane(), lane(*late), steady)
