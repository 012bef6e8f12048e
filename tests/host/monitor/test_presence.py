"""Presence (R14, R40, R45): noticed in five seconds, one alarm for one event, nobody called dead who is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_bench.monitor.presence import OFFLINE, ONLINE, SCAN_MS, SLEEPING, UNKNOWN, Presence


class World:
    """Nodes that answer pings or not, and a clock that goes in steps of the scan."""

    def __init__(self, **settings):
        self.told, self.rung, self.now = [], [], 0
        self.presence = Presence(lambda w, old, why: self.told.append((self.now, w.device, w.state, why)),
                                 lambda w, kind, why: self.rung.append((self.now, w.device, kind)), **settings)
        self.presence.link(True, 0)
        self.pinged, self.answering, self.chatting = [], set(), {}
        self.pings = 1000

    def run(self, ms, each=None):
        for _ in range(ms // SCAN_MS):
            self.now += SCAN_MS
            for device, every in self.chatting.items():
                if self.now % every == 0:
                    self.presence.heard(device, self.now)
            if each:
                each(self.now)
            for device in self.presence.scan(self.now, self.pings):
                self.pinged.append((self.now, device))
                if device in self.answering:
                    self.presence.pong(device, self.now, 3)

    def state(self, device):
        return self.presence.watches[device].state

    def alarms(self, device="a"):
        return [kind for _, d, kind in self.rung if d == device]


@pytest.fixture
def world():
    return World()


def up(world, *devices):
    for device in devices:
        world.presence.status(device, "online", world.now, False)
        world.answering.add(device)


@pytest.mark.parametrize("offset", range(0, 3000, 130))
def test_a_silent_node_is_noticed_within_five_seconds(world, offset):  # R40, R45
    up(world, "a", "b")
    world.run(30_000)
    last = {}
    original = world.presence.heard

    def heard(device, now):
        last[device] = now
        return original(device, now)
    world.presence.heard = heard
    world.run(offset)
    world.answering.discard("a")
    gone = world.now
    world.run(10_000)
    at = next(t for t, d, kind in world.rung if d == "a")
    assert at - gone <= 5000, "counted from the cut, not from the last sign of life"
    assert world.alarms("a") == ["offline"] and world.alarms("b") == []


def test_the_last_will_is_faster(world):
    up(world, "a")
    world.run(5000)
    world.presence.status("a", "offline", world.now, False)
    gone = world.now
    world.run(1000)
    assert world.rung == [(gone + SCAN_MS, "a", "offline")]


def test_a_node_that_publishes_is_not_pinged(world):
    up(world, "a")
    world.chatting["a"] = 1000
    world.run(20_000)
    world.pinged.clear()
    world.run(60_000)
    assert world.pinged == [] and world.state("a") == ONLINE


def test_a_node_that_never_answers_pings_is_judged_by_its_will_alone(world):
    world.chatting["a"] = 3000
    world.run(60_000)
    assert world.presence.watches["a"].answers is False
    pings = len(world.pinged)
    world.chatting.clear()
    world.run(600_000)
    assert world.rung == [] and len(world.pinged) == pings
    world.presence.status("a", "offline", world.now, False)
    world.run(1000)
    assert world.alarms() == ["offline"]


def test_a_single_lost_pong_is_no_alarm(world):
    up(world, "a")
    world.run(10_000)
    world.answering.clear()
    world.run(3000)
    world.answering.add("a")
    world.run(60_000)
    assert world.rung == [] and world.state("a") == ONLINE


def test_a_sleeping_node_is_not_alarmed_before_its_time(world):
    up(world, "a")
    world.presence.status("a", "sleeping 600", world.now, False)
    world.answering.clear()
    world.run(600_000)
    assert world.state("a") == SLEEPING and world.rung == []
    world.run(90_000)
    assert world.state("a") == OFFLINE and world.alarms() == ["offline"]
    up(world, "a")
    world.presence.status("a", "sleeping 600", world.now, False)
    world.run(1000)
    assert world.alarms() == ["offline", None], "it was there, and sleeps as it should"


@pytest.mark.parametrize("text", ["sleeping", "sleeping x", "sleeping -5", "sleeping 99999999999999999999", "sleeping 10 20 30", "", "nonsense", "online now"])
def test_any_status_text_is_survived(world, text):
    world.presence.status("a", text, 0, False)
    world.run(10_000)
    assert world.state("a") in (UNKNOWN, ONLINE, SLEEPING)


def test_back_for_a_while_ends_the_alarm(world):
    up(world, "a")
    world.run(5000)
    world.presence.status("a", "offline", world.now, False)
    world.run(1000)
    up(world, "a")
    world.run(9_000)
    assert world.alarms() == ["offline"]
    world.run(2_000)
    assert world.alarms() == ["offline", None]


@pytest.mark.parametrize("period_s", [4, 20])
def test_a_flapping_node_makes_one_alarm_not_fifty(period_s):
    world = World()
    up(world, "a")
    for _ in range(50):
        world.presence.status("a", "offline", world.now, False)
        world.run(period_s * 500)
        up(world, "a")
        world.run(period_s * 500)
    assert world.alarms().count("offline") == 1
    assert len(world.rung) <= 3 and world.alarms().count("flapping") <= 1
    world.run(400_000)
    assert world.alarms()[-1] is None and world.presence.alarms == 0


def test_without_a_broker_nobody_is_judged(world):
    up(world, "a", "b")
    world.run(10_000)
    world.presence.link(False, world.now)
    world.answering.clear()
    world.run(600_000)
    assert world.rung == []
    world.answering = {"a"}
    world.presence.link(True, world.now)
    world.run(10_000)
    assert world.alarms("a") == [] and world.alarms("b") == ["offline"]


def test_what_waited_at_the_broker_is_history(world):
    """The monitor was away; the broker hands over that the node was lost and is back."""
    up(world, "a")
    world.run(5000)
    world.presence.link(False, world.now)
    world.run(60_000)
    world.presence.link(True, world.now)
    world.presence.status("a", "offline", world.now, False)
    world.run(500)
    world.presence.status("a", "online", world.now, False)
    world.run(60_000)
    assert world.rung == []


def test_a_retained_status_says_nothing_about_now(world):
    world.presence.status("a", "online", world.now, True)
    assert world.state("a") == UNKNOWN
    world.presence.status("b", "offline", world.now, True)
    world.run(3000)
    assert world.state("b") == OFFLINE and world.alarms("b") == ["offline"]


def test_an_alarm_outlives_the_monitor(world):
    world.presence.restore("a", OFFLINE, 0, "offline", 0, 0, 0)
    world.presence.status("a", "offline", 0, True)
    world.run(60_000)
    assert world.rung == [], "it was told before the restart"
    up(world, "a")
    world.run(20_000)
    assert world.alarms() == [None]


def test_pings_are_bounded_and_lateness_is_told():
    world = World()
    devices = ["n%d" % n for n in range(400)]
    up(world, *devices)
    world.pings = 5
    world.run(20_000)
    assert max(sum(1 for at, _ in world.pinged if at == t) for t, _ in world.pinged) == 5
    assert world.presence.late_ms > 0
    assert world.rung == [], "for lack of pings nobody is called dead"


def test_offline_after_is_patience_before_the_alarm():
    world = World(offline_after_ms=30_000)
    up(world, "a")
    world.presence.status("a", "offline", world.now, False)
    world.run(29_000)
    assert world.state("a") == OFFLINE and world.rung == []
    world.run(2000)
    assert world.alarms() == ["offline"]


@given(st.lists(st.tuples(st.sampled_from(["online", "offline", "sleeping 5", "heard", "pong", "kept online", "kept offline", "down", "up", "forget", "wait"]),
                          st.sampled_from("abc")), max_size=60))
def test_the_books_balance_whatever_happens(steps):
    world = World()
    for what, device in steps:
        presence, now = world.presence, world.now
        if what in ("down", "up"):
            presence.link(what == "up", now)
        elif what == "forget":
            presence.forget(device)
        elif what == "heard":
            presence.heard(device, now)
        elif what == "pong":
            presence.pong(device, now, 1)
        elif what == "wait":
            world.run(6000)
        else:
            presence.status(device, what.removeprefix("kept "), now, what.startswith("kept"))
        states = [w.state for w in presence.watches.values()]
        assert presence.counts == {s: states.count(s) for s in presence.counts}
        assert presence.alarms == sum(w.alarm is not None for w in presence.watches.values())
    for device in "abc":
        kinds = world.alarms(device)
        if "forget" not in [w for w, _ in steps]:
            assert all((a is None) != (b is None) for a, b in zip(kinds, kinds[1:])), "raised and ended by turns"
