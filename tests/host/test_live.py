"""The live view counts what the history says, and is lines where there is no terminal."""

import io

from rich.console import Console
from synthetic import PLAN, main_job

from holdfast_bench.history import History
from holdfast_bench.live import watching
from holdfast_bench.live.tally import Tally
from holdfast_bench.live.view import Panel


def tally_until(t):
    tally = Tally(PLAN)
    for e in main_job():
        if e["t"] <= t:
            tally.take(e)
    return tally


def test_counts_in_the_middle_of_the_outage():
    tally = tally_until(37_000)
    b1 = tally.boards["b1"]
    assert (b1.state, b1.bites, b1.resets) == ("backoff", 1, 2)
    assert b1.accepted == 75 + 65 and b1.arrived == 35 and b1.waiting == 105
    assert list(tally.faults) == ["outage"]  # the hang was one instant


def test_counts_at_the_end():
    tally = tally_until(100_000)
    b1 = tally.boards["b1"]
    assert (b1.state, tally.phase, tally.faults) == ("online", "done", {})
    assert tally.expected == {True: 4, False: 0}
    assert b1.waiting == 0


def recorded():
    history = History()
    history.events = main_job()
    return history


def test_plain_lines_tell_the_story_where_there_is_no_terminal():
    console = Console(file=io.StringIO(), width=200)
    with watching(recorded(), PLAN, "twin", console):
        pass
    text = console.file.getvalue()
    assert "7.4 s  bench  fault outage: ap_gone" in text
    assert "the watchdog bites" in text and "everything is in" in text
    assert "accept" not in text


def test_quiet_is_quiet():
    console = Console(file=io.StringIO())
    with watching(recorded(), PLAN, "twin", console, quiet=True):
        pass
    assert console.file.getvalue() == ""


def test_the_panel_shows_state_counts_and_faults():
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    view = Panel(recorded(), PLAN, "twin", console)
    view.history.events = [e for e in view.history.events if e["t"] < 12_000]
    list(view._new_lines())
    console.print(view._render())
    text = console.file.getvalue()
    assert "suspect" in text and "outage (ap_gone)" in text and "online → suspect (ping_late)" in text
