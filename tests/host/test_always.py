"""Rules that hold all the time: hand-written histories, one breach each."""

from holdfast_bench.checks import judge


def run(rule, *events, boards=("b1",)):
    """Findings of law `always` over events (t, src, ev) between ready at 1 s and the cut at 60 s."""
    rule = {"what": "the rule", "event": {"src": "board", "ev": "x"}, "never": False, "at_least_every_ms": None, "at_most": None, "in_ms": None,
            "after": "ready", "until": None, "boards": list(boards), **rule}
    history = [{"t": 1000, "src": "bench", "ev": "expect", "id": "ready", "ok": True, "what": "ready", "within_ms": 1},
               *[{"t": t, "src": src, "ev": ev} for t, src, ev in events],
               {"t": 40_000, "src": "bench", "ev": "fault", "id": "f", "fault": "rst", "boards": ["b1"]},
               {"t": 60_000, "src": "bench", "ev": "cut"}]
    plan = {"scenario": "s", "seed": 1, "boards": list(boards), "actions": [], "always": [rule]}
    result = judge(sorted(history, key=lambda e: e["t"]), plan)
    return [(f.t, f.text) for f in result.findings if f.law == "always"]


def x(*times, board="b1"):
    return [(t, "board/" + board, "x") for t in times]


def test_never():
    assert run({"never": True}) == []
    assert run({"never": True}, *x(500)) == []  # before it came into force
    assert run({"never": True}, *x(5000)) == [(5000, "the rule: it happened")]
    assert run({"never": True}, (5000, "board/b1", "y")) == []


def test_never_tells_the_first_few_and_counts_the_rest():
    found = run({"never": True}, *x(*range(2000, 12_000, 1000)))
    assert len(found) == 4 and found[-1] == (5000, "the rule: and 7 times more")


def test_at_least_every_counts_the_beginning_and_the_end():
    rule = {"at_least_every_ms": 30_000}
    assert run(rule, *x(20_000, 45_000)) == []
    assert run(rule, *x(45_000)) == [(1000, "the rule: nothing for 44.0 s, at least every 30.0 s is demanded")]
    assert [t for t, _ in run(rule, *x(20_000))] == [20_000]
    assert [t for t, _ in run(rule)] == [1000]


def test_at_most_in_all_and_in_a_stretch():
    assert run({"at_most": 2}, *x(2000, 3000)) == []
    assert run({"at_most": 2}, *x(2000, 3000, 9000)) == [(9000, "the rule: 3 times, at most 2 are allowed")]
    rule = {"at_most": 2, "in_ms": 5000}
    assert run(rule, *x(2000, 4000, 7000, 9000)) == []
    assert run(rule, *x(2000, 4000, 6999)) == [(6999, "the rule: 3 times within 5.0 s, at most 2 in 5.0 s are allowed")]


def test_a_rule_holds_for_each_board_on_its_own():
    found = run({"at_most": 1}, *x(2000, board="b1"), *x(3000, board="b2"), boards=("b1", "b2"))
    assert found == []
    found = run({"never": True, "boards": ["b2"]}, *x(2000, board="b1"), *x(3000, board="b2"), boards=("b1", "b2"))
    assert found == [(3000, "the rule (b2): it happened")]


def test_a_rule_that_never_came_into_force_and_one_that_ends():
    assert run({"never": True, "after": "missing"}, *x(5000)) == []
    assert run({"never": True, "until": "f"}, *x(45_000)) == []
    assert [t for t, _ in run({"never": True, "until": "f"}, *x(5000))] == [5000]
