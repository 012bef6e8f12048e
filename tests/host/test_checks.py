"""Checkers against small histories written by hand: empty, sane, pathological."""

import pytest

from holdfast_bench.checks import judge
from holdfast_bench.checks.ledger import fold, numbered
from holdfast_bench.checks.result import exit_status, merge

PLAN = {"scenario": "hand", "seed": 1, "boards": ["b1"], "actions": [
    {"id": "outage", "do": "fault", "boards": ["b1"], "momentary": False, "resets": False},
    {"id": "outage.end", "do": "end", "of": "outage"},
    {"id": "hang", "do": "fault", "boards": ["b1"], "momentary": True, "resets": True},
    {"id": "cut", "do": "fault", "boards": ["b1"], "momentary": False, "resets": True},
]}


class Story:
    """Writes a history in few words; each call is 100 ms after the one before."""

    def __init__(self, life="a1"):
        self.events, self.t, self.life, self.seq = [], 0, life, 0
        self.chip("reset", cause="power")
        self.boot(life)

    def add(self, src, ev, **fields):
        self.t += 100
        self.events.append({"t": self.t, "src": src, "ev": ev, **fields})
        return self

    def boot(self, life):
        self.life = life
        return self.add("board/b1", "boot", life=life, epoch=1, cause=1)

    def chip(self, ev, **fields):
        return self.add("chip/b1", ev, **fields)

    def bench(self, ev, **fields):
        return self.add("bench", ev, **fields)

    def state(self, old, new):
        return self.add("board/b1", "state", old=old, new=new, why="test")

    def accept(self, *numbers, **fields):
        for n in numbers:
            self.seq += 1
            self.add("board/b1", "accept", life=self.life, n=n, i=self.seq, **fields)
        return self

    def recv(self, *numbers, life=None):
        for n in numbers:
            self.add("broker", "recv", topic="h/b1/sensor/n", payload="%s:%d 21.5" % (life or self.life, n), qos=1, retain=False, dup=False)
        return self

    def drained(self, ok=True):
        self.bench("cut")
        return self.bench("drained", ok=ok, within_ms=1000, missing="2 messages")

    def judge(self, **plan):
        return judge(self.events, {**PLAN, **plan})


def laws(result):
    return [(f.law, f.verdict) for f in result.findings]


def test_empty_history_shows_nothing():
    result = judge([], PLAN)
    assert result.verdict == "unknown"
    assert result.numbers["accepted"] == 0 and result.lost_ids == []


def test_sane_run_is_good():
    result = Story().accept(1, 2, 3).recv(1, 2, 3).drained().judge()
    assert result.verdict == "good" and result.findings == []
    assert (result.numbers["accepted"], result.numbers["delivered"], result.numbers["lost"]) == (3, 3, 0)


def test_a_message_that_never_arrives_is_lost_and_named():  # R31
    result = Story().accept(1, 2, 3).recv(1, 3).drained().judge()
    assert result.verdict == "bad"
    assert result.lost_ids == ["a1:2"] and result.numbers["lost"] == 1


def test_firmware_that_hides_a_message_is_caught_by_the_gap_in_numbers():
    result = Story().accept(1, 3).recv(1, 3).drained().judge()
    assert result.numbers["accepted"] == 3 and result.lost_ids == ["a1:2"]
    assert "never announced" in result.findings[0].text


def test_firmware_that_hides_its_first_messages_is_caught():
    assert Story().accept(3, 4).recv(3, 4).drained().judge().lost_ids == ["a1:1", "a1:2"]


def test_firmware_that_announces_nothing_is_judged_by_what_arrives():
    result = Story().recv(1, 2, 4).drained().judge()
    assert result.numbers["accepted"] == 4 and result.lost_ids == ["a1:3"]


def test_an_accept_cut_off_by_a_reset_is_unknown_and_counts_only_if_it_arrives():
    # Message 3 was handed over, but the chip was reset before its line was out.
    cut_off = Story().accept(1, 2).chip("bite").chip("reset", cause="wdt").bench("fault", id="hang")
    assert cut_off.boot("b2").recv(1, 2, life="a1").drained().judge().numbers["accepted"] == 2
    arrived = Story().accept(1, 2).boot("b2").recv(1, 2, 3, life="a1").drained().judge()
    assert (arrived.numbers["accepted"], arrived.numbers["delivered"], arrived.verdict) == (3, 3, "good")


def test_reported_drop_is_not_lost():  # R30
    result = Story().accept(1, 2, 3).add("board/b1", "drop", i=1, n=2, why="overflow").recv(3).drained().judge()
    assert result.verdict == "good"
    assert (result.numbers["reported_dropped"], result.numbers["lost"]) == (2, 0)


def test_a_message_reported_dropped_that_arrives_anyway_is_delivered():
    result = Story().accept(1).add("board/b1", "drop", i=1, n=1, why="expired").recv(1).drained().judge()
    assert (result.numbers["delivered"], result.numbers["lost"]) == (1, 0)


def test_drops_of_another_boot_epoch_excuse_nothing():
    story = Story().accept(1, 2)
    story.add("board/b1", "boot", life="b2", epoch=2, cause=2).add("board/b1", "drop", i=1, n=2, why="overflow")
    assert story.drained().judge().lost_ids == ["a1:1", "a1:2"]


def test_lost_with_the_power_is_beyond_the_promise_but_not_hidden():  # R31
    story = Story().accept(1, 2).bench("fault", id="cut").chip("reset", cause="power").boot("b2").accept(1)
    result = story.recv(1, life="b2").drained().judge()
    assert (result.numbers["lost"], result.numbers["beyond_promise"], result.verdict) == (0, 2, "good")


@pytest.mark.parametrize("cause", ["wdt", "hard", "soft", "deepsleep"])
def test_resets_that_keep_rtc_memory_excuse_no_loss(cause):  # R31
    story = Story().accept(1).bench("fault", id="hang").chip("reset", cause=cause).boot("b2").accept(1).recv(1, life="b2")
    assert story.drained().judge().lost_ids == ["a1:1"]


def test_a_power_cut_does_not_excuse_what_was_accepted_after_it():
    story = Story().bench("fault", id="cut").chip("reset", cause="power").boot("b2").accept(1)
    assert story.drained().judge().lost_ids == ["b2:1"]


def test_a_power_cut_does_not_excuse_what_the_broker_had_acknowledged():
    story = Story().accept(1).add("board/b1", "ack", i=1).bench("fault", id="cut").chip("reset", cause="power").boot("b2")
    assert story.drained().judge().lost_ids == ["a1:1"]


def test_what_is_accepted_after_the_cut_does_not_count():
    result = Story().accept(1).recv(1).drained().accept(2, 3).recv(2).judge()
    assert (result.numbers["accepted"], result.verdict) == (1, "good")


def test_what_arrives_after_the_cut_still_delivers_what_was_accepted_before_it():
    result = Story().accept(1, 2).bench("cut").recv(1, 2).bench("drained", ok=True, within_ms=1, missing="").judge()
    assert (result.numbers["delivered"], result.verdict) == (2, "good")


def test_a_run_without_drain_makes_no_statement_about_loss():
    result = Story().accept(1, 2).recv(1).judge()
    assert (result.verdict, result.numbers["lost"], result.lost_ids) == ("unknown", 0, [])


def test_a_drain_that_timed_out_is_bad_and_names_what_is_missing():
    result = Story().accept(1, 2).recv(1).drained(ok=False).judge()
    assert result.verdict == "bad" and result.lost_ids == ["a1:2"]
    assert ("drain", "bad") in laws(result)


def test_messages_of_an_earlier_run_are_not_ours():
    result = Story().accept(1).recv(1).recv(4711, 4713, life="ffff").drained().judge()
    assert (result.numbers["accepted"], result.verdict) == (1, "good")


def test_a_life_that_began_before_the_run_counts_from_its_first_number_in_it():
    story = Story()
    story.events.clear()
    result = story.accept(57, 58, 60).recv(55, 56, 57, 58, 60).drained().judge()
    assert (result.numbers["accepted"], result.lost_ids) == (4, ["a1:59"])


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


def test_an_acknowledgement_names_the_epoch_of_a_message_from_flash_where_numbers_have_begun_again():  # R30
    def lost_with_its_memory(**epoch):
        story = Story().accept(1).add("board/b1", "spool", i=1, top=1).chip("reset", cause="power").add("board/b1", "boot", life="b2", epoch=2, cause=1)
        story.life, story.seq = "b2", 0
        story.accept(1).recv(1, life="a1").add("board/b1", "ack", i=1, **epoch).chip("corrupt")
        numbers = story.accept(2).recv(2).drained().judge().numbers
        return numbers["lost"], numbers["beyond_promise"]

    assert lost_with_its_memory(b=1) == (0, 1)
    assert lost_with_its_memory() == (1, 0), "acknowledged, so it cannot have been lost with its memory"


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


def test_missed_expectation_is_bad_and_says_what_was_last_seen():
    result = Story().accept(1).recv(1).bench("expect", id="x", ok=False, what="the alarm", within_ms=5000, last="state=online").drained().judge()
    assert laws(result) == [("expect", "bad")] and "state=online" in result.findings[0].text


def test_fault_that_did_not_take_effect_makes_the_verdict_unknown():
    result = Story().accept(1).recv(1).bench("effect", id="outage", ok=False, why="the access point still answers").drained().judge()
    assert result.verdict == "unknown" and "still answers" in result.findings[0].text


def test_a_run_cut_short_is_unknown():
    result = Story().accept(1).recv(1).drained().bench("stopped", why="interrupted").judge()
    assert result.verdict == "unknown"


def test_state_that_starts_where_the_last_did_not_end_is_bad():  # R12
    result = Story().state("down", "dialing").state("online", "backoff").accept(1).recv(1).drained().judge()
    assert laws(result) == [("states", "bad")]


def test_a_crashed_check_is_unknown_never_good():
    story = Story().accept(1).recv(1).drained()
    story.add("board/b1", "state", new="online")  # no `old`: no console of ours would write it
    result = story.judge()
    assert result.verdict == "unknown" and "crashed" in result.findings[0].text


def test_numbers_without_measure_are_refused_rather_than_counted():
    result = Story().accept(1, 4_000_000_000).recv(1).drained().judge()
    assert result.verdict == "unknown"


@pytest.mark.parametrize("limits, verdict", [({"min": 1}, "bad"), ({"max": 0}, "good"), ({"min": 0, "max": 3}, "good")])
def test_scenario_bounds_on_numbers(limits, verdict):
    assert Story().accept(1).recv(1).drained().judge(bounds={"watchdog_bites": limits}).verdict == verdict


def test_a_minimum_not_reached_in_a_run_cut_short_is_unknown():
    assert Story().accept(1).recv(1).bench("stopped", why="interrupted").judge(bounds={"watchdog_bites": {"min": 1}}).verdict == "unknown"


def test_bound_on_something_that_did_not_happen_is_bad():
    assert Story().accept(1).recv(1).drained().judge(bounds={"detect_ms": {"max": 5000}}).verdict == "bad"


@pytest.mark.parametrize("payload, expected", [
    ("a1b2:17 21.5", ("a1b2", 17)),
    ("a1b2:17", ("a1b2", 17)),
    ('{"i":5,"b":1,"t":null,"p":"a1:2 x"}', ("a1", 2)),
    ('{"i":5,"b":1,"t":null,"p64":"YTE6MiD/"}', ("a1", 2)),
    ('{"i":5,"p64":"not base64!"}', None),
    ('{"i":5,"p":17}', None),
    ("{broken", None),
    ("a1b2:17x", None),
    ("", None),
    ("online", None),
])
def test_numbered_payloads_in_every_envelope(payload, expected):
    assert numbered({"payload": payload}) == expected


def test_json_of_a_run_has_the_fixed_names_in_order():
    result = Story().accept(1).recv(1).drained().judge().as_json()
    assert [k for k in result if k != "findings"] == [
        "scenario", "board", "seed", "verdict", "accepted", "delivered", "lost", "lost_ids", "beyond_promise", "duplicates",
        "reported_dropped", "recovery_ms", "detect_ms", "stall_ms_max", "watchdog_bites", "resets", "reconnects", "events"]


def test_bad_beats_unknown_beats_good():
    assert merge(["good", "unknown", "bad"]) == "bad" and merge(["good", "unknown"]) == "unknown" and merge([]) == "good"
    assert [exit_status([v]) for v in ("good", "bad", "unknown")] == [0, 1, 2]


def test_fold_keeps_order_of_lives_and_numbers():
    story = Story("ff").accept(2, 1).boot("01").accept(1)
    assert [m.key for m in fold(story.events).messages] == ["ff:1", "ff:2", "01:1"]


def test_an_error_that_repeats_itself_is_told_once_at_its_first_moment():
    from holdfast_bench.checks.errors import _together
    from holdfast_bench.checks.laws import found

    told = _together([found("errors", "bad", "no memory for %d bytes" % n, t) for n, t in ((1396, 2000), (1398, 3000), (1400, 9500))] + [found("errors", "bad", "else", 4000)])
    assert [(f.text, f.t) for f in told] == [("no memory for 1396 bytes (3 times, the last at 9.5 s)", 2000), ("else", 4000)]


def test_a_report_that_the_power_cut_off_is_beyond_the_promise_for_one_piece_of_the_flash_only():  # R30, R31
    def given_up(first, cut="power", next_drop=21):
        """Flash is full: 1 to 10 are given up and reported, then the power goes; what is told next is next_drop."""
        story = Story().accept(*range(1, 101))
        story.add("board/b1", "spool", i=1, top=100).add("board/b1", "drop", i=1, n=10, why="overflow").chip("reset", cause=cut).add("board/b1", "boot", life="b2", epoch=2, cause=1)
        story.add("board/b1", "drop", i=next_drop, n=first - next_drop, why="overflow", b=1)
        return story.recv(*range(first, 101), life="a1").drained().judge().numbers

    assert given_up(31)["lost"] == 0 and given_up(31)["beyond_promise"] == 10
    assert given_up(31, cut="panic")["lost"] == 10
    assert given_up(100, next_drop=99)["lost"] == 88  # more than a piece


def test_reports_that_waited_for_the_console_when_the_power_went_are_beyond_the_promise():  # R30, R31
    def expired(later_ms=0, cut="power", known=()):
        """1 to 10 have expired in flash and are reported, 11 to 30 are not, for the power goes; from 31 on all arrives. `known`: arrived before that."""
        story = Story().accept(*range(1, 101)).add("board/b1", "spool", i=1, top=100).recv(*known).add("board/b1", "drop", i=1, n=10, why="expired")
        story.t += later_ms
        story.chip("reset", cause=cut).add("board/b1", "boot", life="b2", epoch=2, cause=1)
        return story.recv(*range(31, 101), life="a1").drained().judge().numbers

    assert (expired()["lost"], expired()["beyond_promise"]) == (0, 20)
    assert (expired(known=(12, 14))["lost"], expired(known=(12, 14))["beyond_promise"]) == (0, 18)
    assert expired(later_ms=20_000)["lost"] == 20 and expired(cut="panic")["lost"] == 20


def test_a_drop_that_is_told_twice_does_not_hide_one_that_only_the_sum_tells_of():  # R31: a write that was cut off had kept the first
    story = Story().accept(1, 2, 3).add("board/b1", "drop", i=1, n=1, why="overflow").chip("reset", cause="panic").add("board/b1", "boot", life="a2", epoch=1, cause=1, drops=0)
    story.add("board/b1", "drop", i=1, n=1, why="overflow").chip("reset", cause="panic").add("board/b1", "boot", life="a3", epoch=1, cause=1, drops=2)
    assert story.recv(3, life="a1").drained().judge().numbers["lost"] == 0


def test_qos_2_is_beyond_the_promise_where_a_broker_lost_its_session_and_its_connack_was_lost_too():  # R16
    def judged(seen, qos=2):
        story = Story().accept(1, q=qos).add("broker", "connect", client="b1", present=False)
        if seen:
            story.state("dialing", "online")
        story.add("broker", "connect", client="b1", present=True).state("dialing", "online").add("board/b1", "ack", i=1)
        return story.accept(2).recv(2).drained().judge().numbers

    assert judged(seen=False)["beyond_promise"] == 1 and judged(seen=False)["lost"] == 0
    assert judged(seen=True)["lost"] == 1 and judged(seen=False, qos=1)["lost"] == 1


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
