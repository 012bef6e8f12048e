"""A board's serial port as a pseudo-terminal with a stable name: what tools open, and what never makes the board wait.

Bytes nobody reads are dropped, as on a wire. Input is handed on at the line's speed, because the chip's receive ring is
small and its overflow is silent. Runs in the loop's thread. May use: pty, termios.
"""

import errno
import os
import pty
import select
import tty
from pathlib import Path

from ..errors import BenchError

LOOK_S = 0.02           # how often a port that nobody has open is looked at
STOPPED_MAX = 1024      # bytes of a far end that is stopped by RTS which are read all the same
PIECE_S = 0.004         # input is handed on in pieces of this much line time
LATE_S = 0.01           # so much line time is made up for when this machine was late; beyond it the line has stood still


class SerialPort:
    """`path` is its name for tools. on_input(bytes) gets what they send."""

    def __init__(self, loop, link, baud, on_input, on_hang_up=lambda: None):
        """on_hang_up() is called when whoever had it open has closed it."""
        self._loop, self._on_input, self._on_hang_up = loop, on_input, on_hang_up
        self.paced = True        # input comes at the line's speed
        self.other = None        # another way to the same line (rfc2217.py): hears what the board sends
        self._set_pace(baud)
        self._free_at = 0.0      # the loop's time at which all that was handed on has passed the line
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(slave)
        os.close(slave)          # from now on a hang-up tells whether somebody has it open
        self.path = str(link)
        self.dropped = 0
        self.listening = True
        self._credit = None
        self._handing = None     # the line is busy until then
        self._waiting = bytearray()
        self._unsent = bytearray()
        self._timer = None
        self._open = False
        try:
            Path(link).parent.mkdir(parents=True, exist_ok=True)
            Path(link).unlink(missing_ok=True)
            os.symlink(self.device, link)
        except OSError as e:
            os.close(self._master)
            raise BenchError("cannot make the port %s: %s" % (link, e.strerror)) from None
        self._look()

    def set_speed(self, baud, room=None):
        """The board has set up its UART (0: it has ended: what comes is lost). room: bytes that it can take before its RTS stops us, None:
        nothing stops us."""
        self.listening = bool(baud)
        if baud:
            self._set_pace(baud)
        else:
            self._waiting.clear()
        self._credit = room

    def _set_pace(self, baud):
        self._byte_s = 10 / baud
        self._piece = max(1, int(PIECE_S / self._byte_s))

    def taken(self, n):
        """With RTS: the board has room for n more bytes."""
        if self._credit is not None:
            self._credit += n
            self._soon()
            if self._open and len(self._waiting) <= STOPPED_MAX:
                self._loop.add_reader(self._master, self._readable)

    def _look(self):
        """Has somebody opened it?"""
        self._timer = None
        if self._hung_up():
            self._open = False
            self._timer = self._loop.call_later(LOOK_S, self._look)
        else:
            self._open = True
            self._loop.add_reader(self._master, self._readable)

    def _hung_up(self):
        poller = select.poll()
        poller.register(self._master, 0)
        return any(event & select.POLLHUP for _, event in poller.poll(0))

    def _readable(self):
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._loop.remove_reader(self._master)
            self._look()
            if not self._open:
                self._on_hang_up()
            return
        self.receive(data)

    def receive(self, data):
        """Bytes from the far end, by whatever way."""
        if not self.paced:
            self._on_input(data)
            return
        if not self.listening:
            self.dropped += len(data)
            return
        self._waiting += data
        if self._credit is not None and len(self._waiting) > STOPPED_MAX:
            self._loop.remove_reader(self._master)      # the far end gets to feel that the board's RTS has stopped it
        self._soon()

    def _soon(self):
        """See to it that input is handed on."""
        if self._waiting and self._handing is None and self._credit != 0:
            self._free_at = max(self._free_at, self._loop.time())
            self._hand_on()

    def _hand_on(self):
        """One piece of the input; the next one when the line has had time for it."""
        n = self._piece if self._credit is None else min(self._piece, self._credit)
        piece = bytes(self._waiting[:n])
        del self._waiting[:n]
        self._handing = None
        if piece:
            if self._credit is not None:
                self._credit -= len(piece)
            # By the line's own clock: a timer that comes a little late each time must not make the line slower than it is.
            self._free_at = max(self._free_at, self._loop.time() - LATE_S) + self._byte_s * len(piece)
            self._handing = self._loop.call_at(self._free_at, self._line_free)
            self._on_input(piece)

    def _line_free(self):
        self._handing = None
        if self._waiting and self._credit != 0:
            self._hand_on()

    def write(self, data):
        """The board sends. What does not fit, because nobody reads, is lost."""
        if self.other is not None:
            self.other.write(data)
        if not self._open and self._hung_up():
            self.dropped += len(data)
            return
        try:
            sent = os.write(self._master, data)
        except (BlockingIOError, OSError):
            sent = 0
        self.dropped += len(data) - sent

    def send(self, data):
        """As write(), but what does not fit now goes out when somebody reads: for answers that are waited for."""
        if self.other is not None:
            self.other.write(data)
        self._unsent += data
        self._send_on()

    def _send_on(self):
        if self._unsent and not self._hung_up():
            try:
                del self._unsent[:os.write(self._master, self._unsent)]
            except BlockingIOError:
                pass
            except OSError:
                self._unsent.clear()
        else:
            self._unsent.clear()
        if self._unsent:
            self._loop.add_writer(self._master, self._send_on)
        else:
            self._loop.remove_writer(self._master)

    def flush_input(self):
        """A reset: what was on its way is gone."""
        self._waiting.clear()

    def close(self):
        if self._master is None:
            return
        for timer in (self._timer, self._handing):
            if timer:
                timer.cancel()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        self._master = None
        try:
            if os.readlink(self.path) == self.device:
                os.unlink(self.path)
        except OSError:
            pass
