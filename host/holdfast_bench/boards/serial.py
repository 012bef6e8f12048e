"""The adapter for a board on a serial port: opens without resetting it, reads in a thread, splits protocol from noise.

May use: pyserial, the history, tracebacks. Never shares the port with a tool, and outlives unplugging: the port may come back
under another name, recognised by USB id and serial number.
"""

import contextlib
import errno
import re
import threading
import time

import serial
from serial.tools import list_ports

from ..errors import BenchError, Cannot, TimedOut
from ..tracebacks import restored, restorer
from ..words import fields
from .records import Splitter, frame

READ_S = 0.1  # a read waits this long, so that closing is quick
SILENCE_S = 0.3  # after which a line without end is taken as log
REAPPEAR_S = 20  # how long an unplugged board may be away
OPEN_LIMIT_S = 5  # native USB ports take a while to come back after a reset
REBOOT_LIMIT_MS = 15_000

_ROM_RESET = re.compile(r"rst:0x([0-9a-f]+)\s*\(([A-Z0-9_]+)\)")
_WDT_TEXT = "Task watchdog got triggered"


class SerialBoard:
    """A board on `port`. `rom_log`: take resets from the ROM's log line (a twin's parent knows them better)."""

    def __init__(self, name, port, history, baud=115200, rom_log=True):
        self.name, self.port, self._history, self._baud, self._rom_log = name, port, history, baud, rom_log
        self._serial = self._thread = None
        self._stop = threading.Event()
        self._write_lock = threading.Lock()
        self._identity = None  # USB id and serial number, to find the board again
        self._next_id = int(time.time() * 1000) % 100_000  # a board that ran before must not take our ids for old ones
        self._bitten = False
        self._restored = restorer()
        self.away_on_purpose = False  # its power is off, and the port may be gone with it: it is waited for without limit

    # -- the port ------------------------------------------------------------------------------------------------------

    def open(self):
        if self._thread:
            return
        self._identity = _identity(self.port)
        self._serial = self._opened(time.monotonic() + OPEN_LIMIT_S)
        self._stop.clear()
        self._thread = threading.Thread(target=self._read, name="console of %s" % self.name, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        if self._thread:
            self._thread.join(REAPPEAR_S)
            self._thread = None
        self._drop_port()

    @contextlib.contextmanager
    def handed_over(self):
        was_open = self._thread is not None
        self.close()
        try:
            yield self.port
        finally:
            if was_open:
                self.open()

    def _opened(self, deadline):
        """The open port, lines at rest. A port in use is an error at once; one that is not there yet may still come."""
        while True:
            port = unopened(self.port, self._baud, READ_S)
            try:
                port.open()
                return port
            except (serial.SerialException, OSError) as e:
                if time.monotonic() >= deadline or _error_number(e) not in (errno.ENOENT, errno.EIO, errno.ENODEV, errno.ENXIO):
                    raise port_error(self.port, e) from None
            time.sleep(0.1)

    def _drop_port(self):
        port, self._serial = self._serial, None
        if port:
            with contextlib.suppress(OSError, serial.SerialException):
                port.close()

    def _read(self):
        splitter, quiet_since = Splitter(), time.monotonic()
        while not self._stop.is_set():
            try:
                data = self._serial.read(max(1, self._serial.in_waiting))
            except (OSError, serial.SerialException, TypeError) as e:  # TypeError: pyserial, port closed under a read
                if self._stop.is_set() or not self._come_back(e):
                    return
                splitter = Splitter()
                continue
            if data:
                quiet_since = time.monotonic()
                self._take(splitter.feed(data))
            elif time.monotonic() - quiet_since > SILENCE_S:
                self._take(splitter.flush())

    def _come_back(self, error):
        """Waits for an unplugged board, wherever it reappears. False when it stays away, or the board is being closed."""
        self._history.add("board/" + self.name, "port_lost", port=self.port, why=str(error))
        self._drop_port()
        deadline = time.monotonic() + REAPPEAR_S
        while time.monotonic() < deadline or self.away_on_purpose:
            if self._stop.wait(0.2):
                return False
            if self.away_on_purpose:
                deadline = time.monotonic() + REAPPEAR_S
            self.port = _find_again(self._identity) or self.port
            try:
                self._serial = self._opened(0)
            except BenchError:
                continue
            self._history.add("board/" + self.name, "port_back", port=self.port)
            return True
        self._history.add("board/" + self.name, "port_gone", port=self.port, why="not back within %d s" % REAPPEAR_S)
        return False

    # -- what comes in -------------------------------------------------------------------------------------------------

    def _take(self, items):
        for kind, item in items:
            if kind == "event":
                if "t" in item:
                    item["ticks"] = item.pop("t")
                item.pop("src", None)
                self._history.add("board/" + self.name, item.pop("ev"), **restored(item))
            else:
                self._take_log(item)

    def _take_log(self, text):
        text = self._restored.line(text)
        self._history.add("board/" + self.name, "text", text=text)
        if not self._rom_log:
            return
        if _WDT_TEXT in text and not self._bitten:
            self._bitten = True
            self._history.add("chip/" + self.name, "bite")
        rom = _ROM_RESET.search(text)
        if rom:
            cause = rom_cause(int(rom.group(1), 16), self._bitten)
            if cause == "wdt" and not self._bitten:
                self._history.add("chip/" + self.name, "bite")
            self._bitten = False
            self._history.add("chip/" + self.name, "reset", cause=cause)

    # -- what goes out -------------------------------------------------------------------------------------------------

    def write(self, data):
        """Raw bytes onto the line. Raises BenchError when the board is not there."""
        with self._write_lock:
            try:
                self._serial.write(data)
            except (OSError, serial.SerialException, AttributeError) as e:
                raise BenchError("%s: cannot write to %s (%s): is the board still plugged in?" % (self.name, self.port, e)) from None

    def command(self, command, limit_ms=5000):
        self._next_id += 1
        own_id, start = self._next_id, len(self._history.events)
        self.write(frame({**command, "id": own_id}))
        answer = self.wait_for({"ev": "reply", "id": own_id}, limit_ms, "the answer to command %r" % command.get("cmd"), start)
        if not answer["ok"]:
            raise BenchError("%s refused command %r: %s" % (self.name, command.get("cmd"), answer.get("why") or answer.get("err") or "no reason given"))
        return answer

    def wait_for(self, pattern, limit_ms, what, start=None):
        """The first event of this board from index `start` (now) that fits. Raises TimedOut saying what was last seen."""
        at = len(self._history.events) if start is None else start
        source, deadline, last = "board/" + self.name, time.monotonic() + limit_ms / 1000, None
        while True:
            events = self._history.events
            while at < len(events):
                e = events[at]
                at += 1
                if e["src"] == source:
                    if all(e.get(k) == v for k, v in pattern.items()):
                        return e
                    last = e
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut("%s of %s" % (what, self.name), limit_ms, _short(last))
            self._history.wait_beyond(at, left)

    def reset(self):
        start = len(self._history.events)
        self.command({"cmd": "reset", "kind": "hard"})
        self.wait_for({"ev": "boot"}, REBOOT_LIMIT_MS, "the restart", start)

    def hold_in_reset(self, on):
        """EN low, or high again, through the USB bridge; the chip takes it for power-on. Raises Cannot without such a bridge."""
        try:
            self._serial.dtr = False
            self._serial.rts = on
        except (OSError, serial.SerialException, AttributeError) as e:
            raise Cannot("%s: this port has no reset line (%s)" % (self.port, e)) from None


def unopened(port, baud, timeout_s):
    """pyserial's object for a port or a URL (rfc2217://HOST:PORT), DTR and RTS at rest before it is opened, so that nothing is reset."""
    url = "://" in port
    line = serial.serial_for_url(port, do_not_open=True, baudrate=baud, timeout=timeout_s, write_timeout=None if url else 5, exclusive=None if url else True)
    line.dtr = line.rts = False
    return line


def rom_cause(code, bitten):
    """The reset cause in the history's words for a ROM code; `bitten`: the task watchdog has just said that it bites."""
    if code == 0x1:
        return "power"
    if code == 0x5:
        return "deepsleep"
    if code in (0x7, 0x8, 0x9, 0xB, 0x10):  # watchdogs in hardware
        return "wdt"
    if code == 0xF:
        return "brownout"
    return "wdt" if bitten else "hard"


def port_error(port, error):
    """pyserial's and the system's words about a port, as one line with the remedy."""
    number, text = _error_number(error), str(error)
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in text:
        return BenchError("port %s is in use by another program: close it (a terminal, an IDE, another run) and try again" % port)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return BenchError("there is no port %s: is the board plugged in? `holdfast boards` lists the ports seen" % port)
    if number == errno.EACCES:
        return BenchError("no permission for port %s: join the group that owns it (often `sudo usermod -aG dialout $USER`, then log in again)" % port)
    return BenchError("cannot open port %s: %s" % (port, text))


def _error_number(error):
    return getattr(error, "errno", None)


def _identity(port):
    found = next((p for p in list_ports.comports() if p.device == port), None)
    return (found.vid, found.pid, found.serial_number) if found and found.vid is not None else None


def _find_again(identity):
    if identity is None:
        return None
    return next((p.device for p in list_ports.comports() if (p.vid, p.pid, p.serial_number) == identity), None)


def _short(event):
    if event is None:
        return None
    return ("%s %s (%.1f s)" % (event["ev"], fields(event), event["t"] / 1000))[:160]
