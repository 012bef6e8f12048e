"""The serial adapter on a pseudo terminal with a scripted board behind it."""

import json
import os
import pty
import threading
import tty

import pytest

from holdfast_bench.boards.serial import SerialBoard, rom_cause
from holdfast_bench.errors import BenchError, TimedOut
from holdfast_bench.history import History


class Line:
    """The board's end of the line."""

    def __init__(self):
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave  # kept open: with nobody at that end a pty reports an error

    def say(self, data):
        os.write(self.master, data)

    def event(self, **fields):
        self.say(b"\x1e" + json.dumps(fields).encode() + b"\n")

    def heard(self):
        return os.read(self.master, 500)

    def close(self):
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def line():
    line = Line()
    yield line
    line.close()


@pytest.fixture
def board(line):
    board = SerialBoard("b1", line.port, History())
    board.open()
    yield board
    board.close()


def test_events_log_and_resets_go_into_the_history(line, board):
    line.say(b"rst:0xc (SW_CPU_RESET),boot:0x13\r\n")
    line.event(ev="state", t=77, old="down", new="dialing")
    board.wait_for({"ev": "state"}, 5000, "the state", 0)
    assert [(e["src"], e["ev"]) for e in board._history.events] == [
        ("board/b1", "text"), ("chip/b1", "reset"), ("board/b1", "state")]
    assert board._history.events[1]["cause"] == "hard"
    assert board._history.events[2]["ticks"] == 77


def test_a_task_watchdog_bite_is_told_from_a_reset_by_software(line, board):
    line.say(b"E (9271) task_wdt: Task watchdog got triggered. The following tasks/users did not reset\r\nrst:0xc (SW_CPU_RESET)\r\n")
    line.event(ev="boot", cause=3)
    board.wait_for({"ev": "boot"}, 5000, "the boot", 0)
    assert [(e["ev"], e.get("cause")) for e in board._history.events if e["src"] == "chip/b1"] == [("bite", None), ("reset", "wdt")]


@pytest.mark.parametrize("code, bitten, cause", [(0x1, False, "power"), (0x5, False, "deepsleep"), (0x7, False, "wdt"),
                                                 (0xC, False, "hard"), (0xC, True, "wdt"), (0xF, False, "brownout")])
def test_reset_causes_from_the_rom_log(code, bitten, cause):
    assert rom_cause(code, bitten) == cause


def answer(line, **fields):
    def run():
        command = json.loads(line.heard().strip(b"\x1e\n"))
        line.event(ev="reply", id=command["id"], **fields)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()


def test_a_command_gets_its_answer(line, board):
    answer(line, ok=True, state="online")
    assert board.command({"cmd": "status"})["state"] == "online"


def test_a_refused_command_says_why(line, board):
    answer(line, ok=False, why="no such task")
    with pytest.raises(BenchError, match="refused command 'hang': no such task"):
        board.command({"cmd": "hang"})


def test_a_silent_board_is_told_by_what_was_waited_for_and_last_seen(line, board):
    line.event(ev="state", old="down", new="dialing")
    board.wait_for({"ev": "state"}, 5000, "", 0)
    with pytest.raises(TimedOut, match=r"waited 0.2 s for the answer to command 'ping' of b1; last seen: nothing"):
        board.command({"cmd": "ping"}, 200)


def test_the_port_belongs_to_one_at_a_time(line, board):
    other = SerialBoard("b2", line.port, History())
    with pytest.raises(BenchError, match="in use by another program: close it"):
        other.open()
    with board.handed_over() as port:
        other.open()
        other.close()
    line.event(ev="boot", cause=1)
    assert port == line.port and board.wait_for({"ev": "boot"}, 5000, "the boot", 0)


def test_a_port_that_is_not_there_says_so(monkeypatch):
    monkeypatch.setattr("holdfast_bench.boards.serial.OPEN_LIMIT_S", 0)
    with pytest.raises(BenchError, match="there is no port /dev/nowhere: is the board plugged in?"):
        SerialBoard("b1", "/dev/nowhere", History()).open()


def test_an_unplugged_board_is_noted_and_taken_up_again_when_it_is_back(tmp_path):
    first, second = Line(), Line()
    name = tmp_path / "port"
    name.symlink_to(first.port)
    board = SerialBoard("b1", str(name), History())
    board.open()
    try:
        name.unlink()
        first.close()
        board.wait_for({"ev": "port_lost"}, 5000, "the loss of the port", 0)
        name.symlink_to(second.port)
        board.wait_for({"ev": "port_back"}, 10_000, "the port", 0)
        second.event(ev="boot", cause=1)
        board.wait_for({"ev": "boot"}, 5000, "the boot", 0)
    finally:
        board.close()
        second.close()


class Usb:
    """What pyserial lists for a port."""

    def __init__(self, device, serial_number):
        self.device, self.vid, self.pid, self.serial_number = device, 0x10C4, 0xEA60, serial_number


def test_a_board_that_comes_back_under_another_name_is_found_by_its_serial_number(monkeypatch):
    first, second, neighbour = Line(), Line(), Line()
    ports = [Usb(first.port, "0001"), Usb(neighbour.port, "0002")]
    monkeypatch.setattr("holdfast_bench.boards.serial.list_ports.comports", lambda: list(ports))
    board = SerialBoard("b1", first.port, History())
    board.open()
    try:
        ports[:] = [Usb(neighbour.port, "0002")]
        first.close()
        board.wait_for({"ev": "port_lost"}, 5000, "the loss of the port", 0)
        ports.append(Usb(second.port, "0001"))
        board.wait_for({"ev": "port_back", "port": second.port}, 10_000, "the port", 0)
        second.event(ev="boot", cause=1)
        board.wait_for({"ev": "boot"}, 5000, "the boot", 0)
        assert board.port == second.port
    finally:
        board.close()
        second.close()
        neighbour.close()


def test_a_board_whose_power_was_cut_on_purpose_may_be_away_for_long(monkeypatch):
    monkeypatch.setattr("holdfast_bench.boards.serial.REAPPEAR_S", 0.3)
    first, second = Line(), Line()
    ports = [Usb(first.port, "0001")]
    monkeypatch.setattr("holdfast_bench.boards.serial.list_ports.comports", lambda: list(ports))
    board = SerialBoard("b1", first.port, History())
    board.open()
    try:
        board.away_on_purpose = True
        ports.clear()
        first.close()
        board.wait_for({"ev": "port_lost"}, 5000, "the loss of the port", 0)
        board._history.wait_beyond(len(board._history.events), 1.5)
        ports.append(Usb(second.port, "0001"))
        board.wait_for({"ev": "port_back"}, 10_000, "the port", 0)
        assert not board._history.find(lambda e: e["ev"] == "port_gone")
    finally:
        board.close()
        second.close()


def test_closing_ends_the_reader_and_may_be_repeated(line, board):
    board.close()
    board.close()
    assert not [t for t in threading.enumerate() if t.name == "console of b1"]
