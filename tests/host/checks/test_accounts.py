"""What counts as delivered, dropped, lost or beyond the promise: the ledger behind every verdict, on histories written by hand."""

import pytest
from by_hand import Story, laws

from holdfast_bench.checks.ledger import fold, numbered


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


def test_an_acknowledgement_names_the_epoch_of_a_message_from_flash_where_numbers_have_begun_again():  # R30
    def lost_with_its_memory(**epoch):
        story = Story().accept(1).add("board/b1", "spool", i=1, top=1).chip("reset", cause="power").add("board/b1", "boot", life="b2", epoch=2, cause=1)
        story.life, story.seq = "b2", 0
        story.accept(1).recv(1, life="a1").add("board/b1", "ack", i=1, **epoch).chip("corrupt")
        numbers = story.accept(2).recv(2).drained().judge().numbers
        return numbers["lost"], numbers["beyond_promise"]

    assert lost_with_its_memory(b=1) == (0, 1)
    assert lost_with_its_memory() == (1, 0), "acknowledged, so it cannot have been lost with its memory"


def test_numbers_without_measure_are_refused_rather_than_counted():
    result = Story().accept(1, 4_000_000_000).recv(1).drained().judge()
    assert result.verdict == "unknown"


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


def test_fold_keeps_order_of_lives_and_numbers():
    story = Story("ff").accept(2, 1).boot("01").accept(1)
    assert [m.key for m in fold(story.events).messages] == ["ff:1", "ff:2", "01:1"]


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


def test_what_rtc_memory_gives_up_meanwhile_hides_no_piece_of_the_flash_whose_report_the_power_cut_off():  # R30, R31: seed 2223 of an hour
    def story(cut="power"):
        """Flash holds 1 to 30 of an earlier boot and gives up 1 to 10, RTC memory one of its own; at the next piece of the flash, the power goes."""
        told = Story().accept(*range(1, 31)).add("board/b1", "spool", i=1, top=30).chip("reset", cause="power").boot("b2", epoch=2).accept(1)
        told.add("board/b1", "drop", i=1, n=10, why="overflow", b=1).add("board/b1", "drop", i=1, n=1, why="overflow")
        return told.chip("reset", cause=cut).boot("b3", epoch=3).drained().judge().numbers

    assert (story()["lost"], story()["beyond_promise"]) == (0, 20)
    assert story(cut="panic")["lost"] == 20


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
