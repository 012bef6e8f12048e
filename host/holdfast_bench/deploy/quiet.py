"""Brings a board to an idle prompt with no watchdog armed, whatever runs on it, so that tools have time.

A watchdog cannot be stopped and counts on across a soft reset; only a hard reset disarms it. So: reset, then Ctrl-C
inside the window that boot.py holds open for it. May use: pyserial on a port that nobody else has open.
"""

import time

import serial

from ..boards.serial import port_error, unopened
from ..errors import BenchError, TimedOut

PROMPT = b">>> "
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
ATTEMPTS = 3
INTERRUPT_EVERY_S = 0.05
BOOT_LIMIT_S = 15
ANSWER_LIMIT_S = 3
_RAN = b"import sys\nprint('ran' if 'holdfast' in sys.modules else 'idle')\n"
_RESET = b"import machine\nmachine.reset()\n"


def make_quiet(port, name, baud=115200):
    """Returns when the board stands at a prompt and its firmware has not run since the last hard reset.

    Raises BenchError or TimedOut. RTC memory is kept: the reset is machine.reset().
    """
    deadline = time.monotonic() + 5
    while True:
        line = unopened(port, baud, INTERRUPT_EVERY_S)
        try:
            line.open()
            break
        except (serial.SerialException, OSError) as e:
            if time.monotonic() > deadline:
                raise port_error(port, e) from None
            time.sleep(0.2)
    try:
        _quieten(line, name)
    except (serial.SerialException, OSError) as e:
        raise BenchError("%s: the port %s went away while its board was being stopped (%s)" % (name, port, e)) from None
    finally:
        line.close()


def _quieten(line, name):
    _interrupt(line, name, ANSWER_LIMIT_S * 2)
    for _ in range(ATTEMPTS):
        if _answer(line, _RAN, name) == b"idle":
            return
        _send_raw(line, _RESET, name)
        time.sleep(INTERRUPT_EVERY_S)
        line.reset_input_buffer()
        _interrupt(line, name, BOOT_LIMIT_S)
    raise BenchError("%s starts its firmware before Ctrl-C reaches it: does its boot.py hold the safe-mode window open?" % name)


def _interrupt(line, name, limit_s):
    """Ctrl-C until there is a prompt."""
    seen, deadline = b"", time.monotonic() + limit_s
    line.write(b"\r\x02")  # out of raw mode, should it be in it
    while not seen.endswith(PROMPT):
        if time.monotonic() > deadline and not seen:
            raise BenchError("%s says nothing for %.0f s, not even to Ctrl-C: is it the right port, and is MicroPython on it (`holdfast flash`)?" % (name, limit_s))
        if time.monotonic() > deadline:
            raise TimedOut("a prompt of %s" % name, limit_s * 1000, seen[-80:].decode("utf-8", "replace").strip() or None)
        line.write(b"\x03")
        more = line.read(1)
        while more:
            seen += more
            more = line.read(line.in_waiting) if line.in_waiting else b""
    # Interrupts still under way give more prompts: let them come, so that none is taken for an answer.
    while line.read(64):
        pass


def _send_raw(line, code, name):
    line.write(b"\x01")
    _until(line, RAW_PROMPT, name)
    line.write(code + b"\x04")


def _answer(line, code, name):
    """What a piece of code prints, run in the raw REPL."""
    _send_raw(line, code, name)
    said = _until(line, b"\x04>", name)
    line.write(b"\x02")
    _until(line, PROMPT, name)
    return said.partition(b"OK")[2].partition(b"\x04")[0].strip()


def _until(line, ending, name):
    seen, deadline = b"", time.monotonic() + ANSWER_LIMIT_S
    while not seen.endswith(ending):
        if time.monotonic() > deadline:
            raise TimedOut("%r from %s" % (ending.decode(), name), ANSWER_LIMIT_S * 1000, seen[-80:].decode("utf-8", "replace") or None)
        seen += line.read(1)
    return seen
