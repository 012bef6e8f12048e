"""A node that starts again and again and gets nowhere keeps still for a while: radio off, messages untouched, reasons on record. In the simulation."""

from story import Story, fault

# Works in its first life for 20 s; does not work at all in the lives after that, until number `well`. Each life hands over one message before.
APP = """
import asyncio
import holdfast

node = holdfast.Node("config.json")

async def main():
    node.publish("sensor/n", "%%d" %% node.boots)
    if node.boots == 1:
        await asyncio.sleep(20)
    if node.boots < %d:
        node.watch("work", 1000)
        raise RuntimeError("broken")
    while True:
        await asyncio.sleep(10)
        node.publish("sensor/later", "1")

node.run(main())
"""


def spans(s):
    """(begin, end) of each safe mode."""
    return list(zip([e["t"] for e in s.of("safe", on=True)], [e["t"] for e in s.of("safe", on=False)]))


def radio_in(s, begin, end):
    return [e for e in s.events if e["ev"] == "radio" and begin <= e["t"] < end]


def test_quick_starts_in_a_row_end_in_a_pause_and_nothing_is_lost():  # R31, boot loops
    s = Story(run_s=1500, app=APP % 5, config={"watchdog_s": 5, "safe_boots": 4, "safe_s": 600, "log": "ERROR"})
    (begin, end), = spans(s)
    told = s.of("safe", on=True)[0]
    assert told["starts"] == 4 and told["causes"] == ["watchdog"] * 4 and 600_000 <= end - begin < 602_000
    assert told["errors"] == ["starved"] * 4
    assert not radio_in(s, begin, end) and not [e for e in s.of("bite") if begin <= e["t"] < end]
    assert len(s.of("bite")) == 4 and len(s.of("boot")) == 5  # the first life and three that hang; the fifth keeps still and then runs
    # What the lives before had taken over was there all the time.
    assert [p for _, p in s.arrived("sensor/n")] == ["1", "2", "3", "4", "5"] and s.arrived("sensor/n")[-1][0] > end
    assert any("safe mode for 600 s after 4 quick starts" in line for _, line in s.arrived("log"))


def test_one_try_after_the_pause_and_then_the_next():
    s = Story(run_s=2000, app=APP % 1000, config={"watchdog_s": 5, "safe_boots": 3, "safe_s": 300})
    pauses = spans(s)
    assert len(pauses) >= 4 and all(300_000 <= end - begin < 302_000 for begin, end in pauses)
    for (_, end), (begin, _) in zip(pauses, pauses[1:]):
        assert len([e for e in s.of("bite") if end <= e["t"] < begin]) == 1


def test_a_life_that_gets_somewhere_ends_the_row():
    resets = [step for n in range(12) for step in [fault("reset", 15 + 20 * n, kind="panic")]]
    for n, (step,) in enumerate(resets):
        step["id"] = "reset%d" % n
    s = Story(*resets, run_s=300, config={"safe_boots": 3})
    assert len(s.of("boot")) == 13 and not s.of("safe") and s.lost == 0


def test_starts_that_find_no_memory_count_as_well():  # a supply that breaks down whenever the radio begins to send
    resets = [step for n in range(4) for step in [fault("reset", 40 + 10 * n, kind="en")]]
    for n, (step,) in enumerate(resets):
        step["id"] = "reset%d" % n
    s = Story(fault("ap_gone", 20, 70), *resets, run_s=300, config={"safe_boots": 3, "safe_s": 30})
    told = s.of("safe", on=True)
    assert [e["starts"] for e in told] == [3, 4] and told[-1]["causes"] == ["power"]
    later = Story(fault("ap_gone", 20, 70), *resets, fault("power_cut", 150, 5), run_s=300, config={"safe_boots": 3, "safe_s": 30})
    assert len(later.of("safe", on=True)) == 2  # messages were acknowledged in between: the count began anew


def test_it_can_be_switched_off():
    s = Story(run_s=300, app=APP % 1000, config={"watchdog_s": 5, "safe_boots": 0})
    assert len(s.of("bite")) > 30 and not s.of("safe")


def test_a_pause_that_outlasts_the_trouble_is_no_delay_of_the_drain():  # R45: the limit counts from its end
    resets = [step for n in range(3) for step in [fault("reset", 12 + 6 * n, kind="panic")]]
    for n, (step,) in enumerate(resets):
        step["id"] = "reset%d" % n
    s = Story(fault("ap_gone", 5, 40), *resets, run_s=60, drain_s=60, config={"safe_boots": 3, "safe_s": 130})
    (begin, end), = spans(s)
    assert begin < 60_000 and end > 120_000 + 20_000 and s.lost == 0
    assert [e["ok"] for e in s.of("drained")] == [True]
