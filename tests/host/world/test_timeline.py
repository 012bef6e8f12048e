"""Which action of a plan is due: what sim, twin and board all go by. # R45"""

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from holdfast_bench.sim.inside.actions import Actions
from holdfast_bench.world.timeline import TimeLine


def fault(own_id, after, delay_ms):
    return {"id": own_id, "after": after, "delay_ms": delay_ms, "do": "fault"}


def done(own_id, t):
    return {"src": "bench", "ev": "fault", "id": own_id, "t": t}


def start(t=0):
    return {"src": "bench", "ev": "start", "t": t}


@st.composite
def plans(draw):
    """Faults after the start, or after one of those before them in the plan; some plans are written backwards."""
    actions = []
    for n in range(draw(st.integers(1, 30))):
        after = draw(st.sampled_from(["start"] + [a["id"] for a in actions]))
        actions.append(fault("f%d" % n, after, draw(st.integers(0, 5)) * 100))
    return actions[::-1] if draw(st.booleans()) else actions


def expected(actions):
    """{id: instant}, by following each action back to the start."""
    by_id = {a["id"]: a for a in actions}

    def at(own_id):
        return 0 if own_id == "start" else at(by_id[own_id]["after"]) + by_id[own_id]["delay_ms"]
    return {own_id: at(own_id) for own_id in by_id}


@given(plans(), st.booleans())
def test_every_action_is_due_once_at_its_instant_and_in_order_of_the_plan(actions, stored):
    kept = Actions(io.BytesIO(b"".join(json.dumps(a).encode() + b"\n" for a in actions))) if stored else actions
    line, began = TimeLine(kept), []
    line.feed(start())
    while not line.finished():
        now = line.next_at_ms()
        due = [a["id"] for a in line.due(now)]
        assert due == sorted(due, key=[a["id"] for a in actions].index)
        for own_id in due:
            began.append((own_id, now))
            line.feed(done(own_id, now))
    assert dict(began) == expected(actions) and len(began) == len(actions)


def test_an_expectation_is_met_by_every_board_or_missed_at_its_deadline():
    wanted = {"id": "back", "after": "start", "delay_ms": 0, "do": "expect", "event": {"src": "board", "ev": "state", "new": "online"}, "within_ms": 1000,
              "boards": ["b1", "b2"]}
    online = {"src": "board/b1", "ev": "state", "new": "online", "t": 10}
    line = TimeLine([wanted])
    assert not line.watching()
    line.feed(start())
    assert line.watching() and line.feed(online) == [] and line.missed(999) == []
    assert line.feed({**online, "src": "board/b2"}) == [wanted]

    line = TimeLine([wanted])
    line.feed(start())
    line.feed(online)
    assert [(action["id"], missing) for action, missing, _ in line.missed(1000)] == [("back", ["b2"])]


def test_what_waits_for_something_that_does_not_come_keeps_a_plan_from_being_finished():
    line = TimeLine([fault("a", "start", 0), fault("b", "a", 100)])
    line.feed(start())
    assert [a["id"] for a in line.due(0)] == ["a"]
    assert line.next_at_ms() is None and not line.finished()
    line.feed(done("a", 5))
    assert line.next_at_ms() == 105
