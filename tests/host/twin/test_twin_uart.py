"""UART 1 of a virtual board as a pseudo-terminal (R35): speed, overflow, RTS, resets."""

import os
import time
from types import SimpleNamespace

import pytest
import serial

from holdfast_bench.twin.port import SerialPort


@pytest.fixture
def far_end(board):
    with serial.Serial(board.uart_port(1), 115200, timeout=3) as port:
        yield port


OPEN = "from machine import UART\nu = UART(1, 115200, tx=17, rx=16, rxbuf=512%s)\n"


def test_bytes_go_both_ways(line, far_end):
    line.run(OPEN % "")
    far_end.write(b"ping\xff\x03\x00")
    assert line.run("import time\nwhile u.any() < 7: time.sleep_ms(5)\nprint(u.any(), u.read()); u.write(b'pong\\x03')") == "7 b'ping\\xff\\x03\\x00'\n"
    assert far_end.read(5) == b"pong\x03"


def test_the_line_takes_its_time(line, far_end):
    line.run("from machine import UART\nu = UART(1, 1200, tx=17, rx=16)")
    began = time.monotonic()
    far_end.write(bytes(120))
    assert line.run("import time\nwhile u.any() < 120: time.sleep_ms(5)\nprint(u.any())") == "120\n"
    assert time.monotonic() - began > 0.9       # 1200 baud: one second
    assert line.run("t = time.ticks_ms(); u.write(b'x' * 360); a = u.txdone()\n"
                    "while not u.txdone(): time.sleep_ms(5)\nprint(a, time.ticks_diff(time.ticks_ms(), t) > 2900)") == "False True\n"


class LateLoop:
    """An event loop of a machine on which every timer comes `late_s` late; time passes by advance()."""

    def __init__(self, late_s):
        self.now, self.late_s, self.timers = 100.0, late_s, []

    def time(self):
        return self.now

    def call_at(self, at, fn, *args):
        timer = [max(at, self.now) + self.late_s, fn, args]
        self.timers.append(timer)
        return SimpleNamespace(cancel=lambda: self.timers.remove(timer) if timer in self.timers else None)

    def call_later(self, delay, fn, *args):
        return self.call_at(self.now + delay, fn, *args)

    def add_reader(self, *args):
        pass

    remove_reader = add_writer = remove_writer = add_reader

    def advance(self, seconds):
        until = self.now + seconds
        while self.timers and min(self.timers)[0] <= until:
            timer = min(self.timers, key=lambda t: t[0])
            self.timers.remove(timer)
            self.now = timer[0]
            timer[1](*timer[2])
        self.now = until


@pytest.mark.parametrize("late_s, least, most", [(0, 11400, 11580), (0.001, 11400, 11580), (0.1, 400, 2500)])
def test_the_line_is_as_fast_as_it_is_where_timers_come_a_little_late_and_no_burst_makes_up_for_a_standstill(tmp_path, late_s, least, most):  # R35
    loop, came = LateLoop(late_s), []
    port = SerialPort(loop, tmp_path / "uart1", 115200, lambda data: came.append((loop.now, len(data))))
    try:
        port.receive(bytes(40_000))
        loop.advance(1)
        assert least <= sum(n for _, n in came) <= most
        for at, _ in came:      # in any 20 ms no more than the line carries in them and the 10 ms made up for, by pieces of 4 ms
            assert sum(n for t, n in came if at <= t < at + 0.02) <= 11520 * 0.034
    finally:
        port.close()


def test_what_does_not_fit_is_dropped_without_a_word(line, far_end):
    line.run(OPEN % "")
    far_end.write(bytes(range(256)) * 4)
    assert line.run("import time\nwhile u.any() < 512: time.sleep_ms(5)\ntime.sleep_ms(300); d = u.read(); print(len(d), d[:3])") == "512 b'\\x00\\x01\\x02'\n"


def test_rts_stops_the_far_end_and_loses_nothing(line, far_end):
    line.run(OPEN % ", rts=18, flow=UART.RTS")
    data = os.urandom(6000)
    far_end.write_timeout = 0.2
    sent = far_end.write(data[:3000])
    assert line.run("import time\nwhile u.any() < 640: time.sleep_ms(5)\ntime.sleep_ms(300); print(u.any())") == "640\n"       # ring and FIFO
    out = line.run("import binascii\nd = b''\nfor i in range(800):\n d += u.read() or b''\n time.sleep_ms(10)\n if len(d) == 3000: break\n"
                   "print(len(d), binascii.crc32(d))")
    import zlib
    assert sent == 3000 and out == "3000 %d\n" % zlib.crc32(data[:3000])


def test_nobody_listens_before_the_program_and_after_a_reset(board, line, far_end):
    far_end.write(b"too early")
    end = time.monotonic() + 30
    while board._lines[1].dropped < 9:
        assert time.monotonic() < end
        time.sleep(0.01)
    line.run(OPEN % "")
    far_end.write(b"heard")
    assert line.run("import time\nwhile u.any() < 5: time.sleep_ms(5)\nprint(u.read())") == "b'heard'\n"
