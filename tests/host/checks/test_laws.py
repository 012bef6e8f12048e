"""One law at a time, on histories written by hand: what it catches, and what it lets pass."""

import pytest
from by_hand import PLAN, Story, laws


def test_duplicate_after_a_break_is_allowed_by_qos_1():
    result = Story().accept(1).recv(1).state("online", "backoff").recv(1).drained().judge()
    assert (result.numbers["duplicates"], result.verdict) == (1, "good")


def test_duplicate_out_of_nothing_is_bad():
    story = Story()
    story.t += 10_000
    result = story.accept(1).recv(1, 1).drained().judge()
    assert laws(result) == [("duplicates", "bad")] and result.numbers["duplicates"] == 1


def test_a_message_that_went_to_flash_while_it_was_on_its_way_may_arrive_twice():
    def story(spool_at, others=()):
        made = Story().accept(1, 2)
        made.t = spool_at
        made.add("board/b1", "spool", i=1, top=1)
        made.t = 50_000
        return made.recv(1, 2, 1, *others).drained().judge()

    assert story(40_000).verdict == "good"
    assert laws(story(20_000)) == [("duplicates", "bad")]
    assert laws(story(40_000, [2])) == [("duplicates", "bad")]


def test_recovery_is_counted_from_the_last_end_of_a_fault():
    story = Story().accept(1).recv(1).bench("fault", id="outage").bench("fault", id="cut")
    story.bench("end", id="cut.end", of="cut").accept(2).bench("end", id="outage.end", of="outage")
    assert story.recv(2).drained().judge().numbers["recovery_ms"] == 100


def test_detection_is_none_when_the_fault_was_over_before_anybody_noticed():
    story = Story().accept(1).bench("fault", id="outage").bench("end", id="outage.end", of="outage")
    assert story.recv(1).state("online", "suspect").drained().judge().numbers["detect_ms"] is None
    story = Story().accept(1).bench("fault", id="outage").state("online", "suspect").bench("end", id="outage.end", of="outage")
    assert story.recv(1).drained().judge().numbers["detect_ms"] == 100


def test_after_a_momentary_fault_recovery_is_the_first_arrival_after_it_was_noticed():
    plan = [{"id": "forgot", "do": "fault", "boards": ["b1"], "momentary": True, "resets": False}]
    story = Story().accept(1).bench("fault", id="forgot").recv(1).accept(2).state("online", "suspect").recv(2).drained()
    numbers = story.judge(actions=plan).numbers
    assert (numbers["detect_ms"], numbers["recovery_ms"]) == (300, 400)


def test_stall_is_measured_by_the_devices_own_ticks_across_their_wrap():
    story = Story().accept(1, ticks=(1 << 30) - 100).accept(2, ticks=250).recv(1, 2).drained()
    assert story.judge(sample_ms=200).numbers["stall_ms_max"] == 150


def test_a_hang_that_ends_in_a_bite_is_no_stall_of_the_next_life():
    story = Story().accept(1, ticks=100).bench("fault", id="hang").chip("bite").chip("reset", cause="wdt").boot("b2")
    result = story.accept(1, ticks=9000).accept(2, ticks=9200).recv(1, life="a1").recv(1, 2).drained().judge(sample_ms=200)
    assert (result.numbers["stall_ms_max"], result.numbers["watchdog_bites"], result.numbers["resets"]) == (0, 1, 1)


def test_a_bite_that_nobody_ordered_is_bad():
    result = Story().accept(1).chip("bite").chip("reset", cause="wdt").boot("b2").recv(1, life="a1").drained().judge()
    assert laws(result) == [("resets", "bad")]


@pytest.mark.parametrize("asked_again,resets", ((True, 0), (False, 1)))
def test_a_board_that_was_asked_to_start_twice_has_started_once(asked_again, resets):  # R49: it was just starting and did not hear the first time
    story = Story()
    if asked_again:
        story.bench("switch_on", board="b1")
    story.chip("reset", cause="hard").boot("b2").accept(1).recv(1)
    assert story.drained().judge().numbers["resets"] == resets


def test_state_that_starts_where_the_last_did_not_end_is_bad():  # R12
    result = Story().state("down", "dialing").state("online", "backoff").accept(1).recv(1).drained().judge()
    assert laws(result) == [("states", "bad")]


@pytest.mark.parametrize("ttl_s, verdict", ((-1, "bad"), (60, "bad"), (20, "good")))
def test_only_what_was_too_old_may_come_after_what_was_handed_over_later(ttl_s, verdict):  # R31: the node has lost its clock meanwhile, and with it the age
    story = Story().accept(1, k=0)
    story.t += 30_000
    story.accept(2, k=0).recv(2, 1).drained()
    assert story.judge(config={"app": {"streams": [{"urgent": False, "ttl_s": ttl_s}]}}).verdict == verdict


def test_a_tear_that_was_set_strikes_at_the_next_write_whenever_that_is_and_once():
    def torn(*causes):
        story = Story().accept(1).recv(1).bench("fault", id="tear")
        story.t += 100_000
        for cause in causes:
            story.chip("reset", cause=cause)
        actions = [*PLAN["actions"], {"id": "tear", "do": "fault", "fault": "power_cut_mid_write", "boards": ["b1"], "momentary": True, "resets": True}]
        return [f.law for f in story.drained().judge(actions=actions).findings if f.law == "resets"]

    assert torn("panic") == [] and torn("panic", "panic") == ["resets"] and torn("wdt") == ["resets"]


def hung(*after, until_ms=400_000):
    """A campaign's node hangs; what comes after it, and the run goes on for long."""
    story = Story().accept(1).recv(1)
    story.t = 5000
    story.bench("fault", id="hang").bench("effect", id="hang", ok=True, how="it hangs")
    for step in after:
        step(story)
    story.t = until_ms
    actions = [{**a, "fault": "watchdog_hang"} if a["id"] == "hang" else a for a in PLAN["actions"]]
    return [f for f in story.accept(2).recv(2).drained().judge(application="streams", actions=actions).findings if f.law == "hang"]


def test_a_hang_without_a_bite_is_bad_unless_the_life_ends_otherwise():  # R9
    assert hung()
    assert not hung(lambda story: story.chip("bite").chip("reset", cause="wdt"))
    assert not hung(lambda story: story.chip("power", on=False))  # and off it stays
    assert hung(lambda story: story.chip("power", on=True))


def keeping_still(starts, arrived_s=None, **config):
    """A node starts again and again and gets nowhere, keeps still at last, and is useful again 900 s later."""
    story = Story().state("down", "dialing").state("dialing", "online").accept(1)
    story.t += 60_000
    story.recv(1)  # useful until here
    for _ in range(starts):
        story.chip("reset", cause="panic")
        story.boot("b0").state("down", "dialing").state("dialing", "online").accept(1).recv(1)  # what arrives at once does not count
    story.add("board/b1", "safe", on=True, starts=8, for_s=900, causes=[], errors=[])
    story.boot("b2").accept(1, 2) if arrived_s is None else story
    story.bench("cut")
    if arrived_s is not None:
        story.t += arrived_s * 1000
        story.add("board/b1", "safe", on=False).boot("b2").accept(1)
    story.recv(1)
    story.bench("drained", ok=True, within_ms=1000, missing="")
    return [f.law for f in story.judge(recover_ms=100_000, config=config).findings if f.law in ("still", "recovery")]


def test_a_node_may_keep_still_after_so_many_starts_only_and_recovers_when_that_is_over():  # R9, R31
    assert keeping_still(8, arrived_s=950) == []
    assert keeping_still(8, arrived_s=1100) == ["recovery"]
    assert keeping_still(7) == ["still"] and keeping_still(3, safe_boots=3) == [] and keeping_still(9, safe_boots=0) == ["still"]
    assert keeping_still(8, arrived_s=500, safe_s=300) == ["recovery"]


def qos2(story, broker, n=1):
    return story.add("broker", "recv", topic="h/b1/sensor/n", payload="%s:%d x" % (story.life, n), qos=2, retain=False, dup=True, broker=broker)


def test_qos_2_arrives_once_at_a_broker_that_the_node_stayed_with():  # R16
    story = qos2(qos2(Story().accept(1), 0).add("broker", "connect", broker=0, present=True), 0).drained()
    assert ("exactly_once", "bad") in laws(story.judge())


def test_qos_2_may_arrive_again_at_a_broker_that_the_node_has_come_back_to_from_another():
    """A node keeps the state of the deliveries of one broker; that of the one it left is gone."""
    story = qos2(Story().accept(1), 1)
    story.add("broker", "connect", broker=0, present=True).add("broker", "connect", broker=1, present=True)
    assert "exactly_once" not in [law for law, _ in laws(qos2(story, 1).drained().judge())]


@pytest.mark.parametrize("connected_again, broken", ((False, False), (True, True)))
def test_qos_2_may_arrive_again_when_memory_was_lost_while_its_pubrel_was_on_its_way(connected_again, broken):  # R16
    story = Story().accept(1).add("broker", "connect", broker=0, present=True).chip("reset", cause="power").boot("b2")
    if connected_again:
        story.add("broker", "connect", broker=0, present=True)  # so the first copy was sent after the loss
    story.life = "a1"
    qos2(story, 0).add("broker", "connect", broker=0, present=True)
    assert (("exactly_once", "bad") in laws(qos2(story, 0).drained().judge())) == broken


def in_a_black_hole(what, at_s):
    """A node that is online when the network turns into a black hole; `what` happens so many seconds later. Is it judged deaf?"""
    story = Story().state("down", "online").bench("fault", id="hole", fault="blackhole", boards=["b1"])
    story.accept(1)
    story.t += at_s * 1000
    what(story)
    story.t += 100_000
    story.bench("end", id="hole.end", of="hole")
    return "deaf" in [f.law for f in story.judge(application="streams", config={"ping_s": 3}).findings]


def test_a_black_hole_is_noticed_in_time_or_the_node_is_deaf():  # R12, R13
    assert in_a_black_hole(lambda s: None, 1)
    assert not in_a_black_hole(lambda s: s.state("online", "backoff"), 20)
    assert in_a_black_hole(lambda s: s.state("online", "backoff"), 60)
    assert not in_a_black_hole(lambda s: s.chip("power", on=False), 2)


@pytest.mark.parametrize("closing, verdict", ((12, "good"), (3, "bad"), (None, "bad")))
def test_no_room_for_a_connection_is_the_nodes_fault_unless_closed_ones_have_it_all(closing, verdict):  # R36
    story = Story().accept(1).recv(1)
    if closing is not None:
        story.chip("crowd", closing=closing)
    assert story.add("board/b1", "err", code="memory", msg="OSError(105,)", sev="ERROR").drained().judge().verdict == verdict
