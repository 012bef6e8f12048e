"""Drivers that work through the board's own line, on a board whose DTR and RTS are real to the host (R49)."""

import contextlib

import pytest

from holdfast_bench.boards.boardfile import Rts
from holdfast_bench.boards.serial import SerialBoard
from holdfast_bench.drivers import hil
from holdfast_bench.drivers.power_rts import RtsLines
from holdfast_bench.errors import Cannot
from holdfast_bench.history import History


@pytest.fixture
def console(host, heard):
    """A board's console over RFC 2217."""
    board = host.add_board(fast_flash=True)
    board.power_on()
    board.wait_running()
    history = History()
    with contextlib.closing(SerialBoard("b1", "rfc2217://127.0.0.1:%d" % board.serve_rfc2217(), history)) as console:
        heard.clear()
        yield console, history, board
    host.remove_board(board)


def test_opening_the_port_does_not_reset_the_board(console, heard):
    console, history, board = console
    console.open()
    console.write(b"print(6*7)\r")
    console.wait_for({"ev": "text", "text": "42"}, 10_000, "the answer", 0)
    console.close()
    assert not heard.of("reset")


def test_en_held_low_is_a_power_cut_to_the_chip_and_its_rom_proves_it(console, heard):
    console, history, board = console
    console.open()
    supply = hil.power(Rts(driver="rts"), "b1", console, history)
    supply.off()
    history.wait_beyond(len(history.events) + 50, 2)
    assert supply.evidence() == "b1 is silent"
    supply.on()
    assert heard.wait("reset")["kind"] == "en"
    assert history.find(lambda e: e["src"] == "chip/b1" and e["ev"] == "reset")["cause"] == "power"
    console.wait_for({"ev": "text", "text": ">>> "}, 10_000, "the prompt", 0)


def test_a_pulse_on_en_is_a_reset_and_no_other_kind_can_be_had(console, heard):
    console, history, board = console
    console.open()
    lines = RtsLines("b1", history, console)
    lines.reset("en")
    assert heard.wait("reset")["kind"] == "en"
    console.wait_for({"ev": "text", "text": ">>> "}, 10_000, "the prompt", 0)
    assert lines.resets() == 1
    with pytest.raises(Cannot, match="only by `en`"):
        lines.reset("brownout")
