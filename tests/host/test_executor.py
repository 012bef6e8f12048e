"""The executor against a scripted board and a virtual clock: what it does when, and what it writes down."""

import pytest

from holdfast_bench.checks import judge
from holdfast_bench.errors import BenchError
from holdfast_bench.faults import catalogue
from holdfast_bench.history import History
from holdfast_bench.scenario.executor import Executor


class VirtualHistory(History):
    """Waiting moves the clock to the next scripted event, or to the end of the wait."""

    def __init__(self):
        self.clock_s = 0.0
        self.script = []  # (at_ms, src, ev, fields)
        super().__init__(clock=lambda: self.clock_s)

    def will(self, at_ms, src, ev, **fields):
        self.script.append((at_ms, src, ev, fields))
        self.script.sort(key=lambda entry: entry[0])

    def wait_beyond(self, count, timeout_s):
        until = self.clock_s + timeout_s
        if self.script and self.script[0][0] / 1000 <= until:
            at_ms, src, ev, fields = self.script.pop(0)
            self.clock_s = max(self.clock_s, at_ms / 1000)
            self.add(src, ev, **fields)
        else:
            self.clock_s = until
        return len(self.events)


class Wifi:
    """An access point whose switch works only while the rig is `effective`."""

    def __init__(self, rig):
        self._rig, self._gone = rig, False

    def away(self):
        self._rig.did("ap away")
        self._gone = self._rig.effective

    def back(self):
        self._rig.did("ap back")
        self._gone = False

    def evidence(self):
        return "the access point does not answer" if self._gone else None


class Rig:
    """Board b1 and its world; what is done to them goes into `log` with the virtual time."""

    def __init__(self, history):
        self.history, self.log, self.effective = history, [], True
        self.wifi, self.boards = {"b1": Wifi(self)}, {"b1": self}

    def switch_on(self):
        pass

    def fault(self, name, boards, args, rng):
        return catalogue()[name](self, boards, args, rng)

    def did(self, what):
        self.log.append((self.history.now_ms(), what))

    def command(self, command, limit_ms=5000):
        if command["cmd"] != "status":  # asked at every run's end
            self.did(command["cmd"])
        return {"ok": True, "state": "online", "queued": 0}


@pytest.fixture
def history():
    return VirtualHistory()


@pytest.fixture
def rig(history):
    return Rig(history)


def a_plan(*actions, deadline_ms=60_000, drain_ms=5000):
    ready = {"id": "ready", "after": "start", "delay_ms": 0, "do": "expect", "what": "the first message",
             "event": {"src": "broker", "ev": "recv"}, "within_ms": 10_000, "boards": ["b1"]}
    return {"scenario": "s", "seed": 1, "boards": ["b1"], "deadline_ms": deadline_ms, "drain_ms": drain_ms, "actions": [ready, *actions]}


def fault(own_id, after, delay_ms, name="ap_gone", **args):
    return {"id": own_id, "after": after, "delay_ms": delay_ms, "do": "fault", "fault": name, "args": args, "boards": ["b1"],
            "momentary": name == "watchdog_hang", "resets": name == "watchdog_hang"}


def end(of, delay_ms):
    return {"id": of + ".end", "after": of, "delay_ms": delay_ms, "do": "end", "of": of}


def expect(own_id, after, within_ms, **event):
    return {"id": own_id, "after": after, "delay_ms": 0, "do": "expect", "what": own_id, "event": event, "within_ms": within_ms, "boards": ["b1"]}


def message(history, n, accept_ms, recv_ms):
    history.will(accept_ms, "board/b1", "accept", life="a", n=n, i=n)
    if recv_ms is not None:
        history.will(recv_ms, "broker", "recv", payload="a:%d" % n, board="b1")


def bench(history, ev):
    return [(e["t"], e.get("id"), e.get("ok")) for e in history.events if e["src"] == "bench" and e["ev"] == ev]


def test_time_line_counts_from_the_first_message_and_ends_faults_itself(history, rig):
    message(history, 1, 900, 1000)
    Executor(a_plan(fault("x", "ready", 5000), end("x", 30_000)), rig, history).run()
    assert rig.log == [(6000, "ap away"), (36_000, "ap back")]
    assert bench(history, "effect") == [(6000, "x", True)]
    assert bench(history, "drained") == [(36_000, None, True)]


def test_a_fault_without_end_is_healed_before_the_drain(history, rig):
    message(history, 1, 900, 1000)
    Executor(a_plan(fault("x", "ready", 1000)), rig, history).run()
    assert [what for _, what in rig.log] == ["ap away", "ap back"]
    order = [e["ev"] for e in history.events if e["src"] == "bench"]
    assert order.index("end") < order.index("cut") < order.index("drained")


def test_expectation_met_by_its_deadline_anchors_the_next_step(history, rig):
    message(history, 1, 900, 1000)
    history.will(4321, "board/b1", "state", old="online", new="backoff")
    Executor(a_plan(fault("x", "ready", 1000), expect("noticed", "x", 8000, src="board", ev="state", new=["backoff"]),
                    end("x", 500) | {"after": "noticed"}), rig, history).run()
    assert bench(history, "expect") == [(1000, "ready", True), (4321, "noticed", True)]
    assert rig.log[-1] == (4821, "ap back")


def test_what_happened_before_the_anchor_fulfils_nothing(history, rig):
    message(history, 1, 900, 1000)
    history.will(1500, "board/b1", "state", old="online", new="backoff")
    Executor(a_plan(fault("x", "ready", 1000), expect("noticed", "x", 3000, src="board", ev="state")), rig, history).run()
    assert bench(history, "expect")[-1] == (5000, "noticed", False)


def test_a_missed_expectation_says_what_was_last_seen_and_the_run_goes_on(history, rig):
    message(history, 1, 900, 1000)
    history.will(2500, "board/b1", "state", old="online", new="suspect")
    plan = a_plan(fault("x", "ready", 1000), expect("gone", "x", 3000, src="board", ev="state", new="down"), end("x", 9000))
    Executor(plan, rig, history).run()
    missed = next(e for e in history.events if e["ev"] == "expect" and not e["ok"])
    assert "new=suspect" in missed["last"]
    assert rig.log[-1] == (11_000, "ap back")
    assert judge(history.events, plan).verdict == "bad"


def test_a_fault_that_does_not_take_effect_is_unknown(history, rig):
    rig.effective = False
    message(history, 1, 900, 1000)
    plan = a_plan(fault("x", "ready", 1000), end("x", 20_000))
    Executor(plan, rig, history).run()
    (at_ms, own_id, ok), = bench(history, "effect")
    assert 10_000 <= at_ms <= 10_200 and (own_id, ok) == ("x", False)
    assert judge(history.events, plan).verdict == "unknown"


def test_no_first_message_stops_the_run_and_shows_nothing(history, rig):
    plan = a_plan(fault("x", "ready", 1000))
    Executor(plan, rig, history).run()
    assert rig.log == []
    assert judge(history.events, plan).verdict == "bad"  # the expectation `ready` was missed
    assert bench(history, "stopped") != []


def test_drain_waits_for_what_was_accepted_before_the_cut_only(history, rig):
    message(history, 1, 900, 1000)
    message(history, 2, 1050, 4000)
    message(history, 3, 3000, None)  # handed over after the cut
    plan = a_plan()
    history.will(1060, "bench", "noise")
    Executor(plan, rig, history).run()
    assert judge(history.events, plan).verdict == "good"


def test_drain_is_bounded_and_what_is_missing_is_lost(history, rig):
    message(history, 2, 900, None)
    message(history, 1, 800, 1000)
    plan = a_plan(fault("x", "ready", 2000, name="watchdog_hang"))
    Executor(plan, rig, history).run()
    result = judge(history.events, plan)
    assert result.verdict == "bad" and result.lost_ids == ["a:2"]
    drained = next(e for e in history.events if e["ev"] == "drained")
    assert 5000 <= drained["took_ms"] <= 5200


def test_the_overall_deadline_stops_the_run_and_heals(history, rig):
    message(history, 1, 900, 1000)
    plan = a_plan(fault("x", "ready", 1000), end("x", 100_000), deadline_ms=20_000)
    Executor(plan, rig, history).run()
    assert rig.log == [(2000, "ap away"), (20_000, "ap back")]
    assert judge(history.events, plan).verdict == "unknown"


def test_an_interrupt_heals_and_is_passed_on(history, rig):
    message(history, 1, 900, 1000)
    rig.command = lambda command, limit_ms=5000: (_ for _ in ()).throw(KeyboardInterrupt)
    plan = a_plan(fault("x", "ready", 1000), {"id": "c", "after": "x", "delay_ms": 500, "do": "command", "command": {"cmd": "ping"}, "boards": ["b1"]})
    with pytest.raises(KeyboardInterrupt):
        Executor(plan, rig, history).run()
    assert [what for _, what in rig.log] == ["ap away", "ap back"]
    assert bench(history, "stopped") != []


def test_a_step_that_cannot_be_carried_out_says_why(history, rig):
    message(history, 1, 900, 1000)

    def refuse(command, limit_ms=5000):
        raise BenchError("the board does not answer")

    rig.command = refuse
    plan = a_plan(fault("hang", "ready", 1000, name="watchdog_hang"))
    Executor(plan, rig, history).run()
    assert "does not answer" in next(e for e in history.events if e["ev"] == "stopped")["why"]
    assert judge(history.events, plan).verdict == "unknown"


def test_every_board_has_to_meet_an_expectation(history, rig):
    plan = a_plan()
    plan["boards"] = plan["actions"][0]["boards"] = ["b1", "b2"]
    message(history, 1, 900, 1000)
    Executor(plan, rig, history).run()
    missed = next(e for e in history.events if e["ev"] == "expect")
    assert not missed["ok"] and "b2" in missed["what"]
