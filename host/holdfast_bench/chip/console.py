"""The REPL's UART: 115200 baud out of a FIFO of 128 bytes, a receive ring of 260 bytes that drops what does not fit.

print, sys.stdin and sys.stdout all end here. What is sent goes to `send(bytes)`, given by whoever runs the chip; what
arrives comes in by feed(). Knows nothing of the REPL's protocol.
"""

import io
import sys as _host

from micropython import const

from . import sched
from .errno import errorcode
from .soc import chip

FIFO = 128
RING = 259               # 260 bytes, one is never used
BAUD = 115200

_MP_STREAM_POLL = const(3)
_POLLIN, _POLLOUT = const(1), const(4)
_LOOK_US = const(1)
_TX_US = const(2)
_kernel = chip.kernel


class Console:
    """One serial line. `dropped` counts received bytes that found the ring full."""

    def __init__(self, send, baud=BAUD):
        self.send = send
        self.byte_us = 10000000 // baud
        self._interrupt_char = -1
        self.on_interrupt_char = None   # hears of changes
        self.on_interrupt = None        # hears that Ctrl-C has reached the program
        self.dropped = 0
        self.hide = ""                  # folder of the frozen packages: their names in tracebacks have none
        self._ring = bytearray(RING)    # its `held` bytes from `_first` on, wrapping; nothing is allocated for input
        self._first = self.held = 0
        self._backlog_us = 0            # what the transmitter still has to shift out
        self._at_ms, self._at_us = _kernel.now_ms, _kernel.us
        chip.enders.append(self._end)

    def _end(self, kind):
        if kind != "soft":
            self.held = 0
            self._backlog_us = 0

    @property
    def interrupt_char(self):
        """The byte that interrupts the program instead of being received; -1 for none."""
        return self._interrupt_char

    @interrupt_char.setter
    def interrupt_char(self, c):
        self._interrupt_char = c
        if self.on_interrupt_char is not None:
            self.on_interrupt_char(c)

    def forget_interrupt(self, e):
        """e has ended the program. When it was Ctrl-C by signal, the byte itself is still on its way: it is dropped."""
        if isinstance(e, KeyboardInterrupt) and self.on_interrupt is not None:
            self._interrupt_char = 3
            _kernel.wait(_kernel.now_ms + 1)
            self._interrupt_char = -1
        sched.forget_interrupt()

    # --- out ---------------------------------------------------------------------------------------------------------

    def tx(self, data):
        """Send bytes; blocks for what does not fit into the FIFO, without running callbacks."""
        kernel = _kernel
        us = kernel.us + _TX_US         # spend_us(), in line
        if us < kernel.quick_us:
            kernel.us = us
        else:
            kernel.spend_us(_TX_US)
        now_ms, us, byte_us = kernel.now_ms, kernel.us, self.byte_us
        left = len(data) * byte_us
        passed_ms = now_ms - self._at_ms
        if passed_ms < 1000:
            before = self._backlog_us - (passed_ms * 1000 + us - self._at_us)
            if before > 0:
                left += before
        self._at_ms, self._at_us, self._backlog_us = now_ms, us, left
        self.send(data)
        over = left - FIFO * byte_us
        if over > 0:
            kernel.spend_us(over)

    def text(self, s):
        """Send text as the REPL's terminal expects it: LF becomes CR LF."""
        self.tx((s.replace("\n", "\r\n") if "\n" in s else s).encode())

    def print_exception(self, e):
        """A traceback as the chip would print it: without the lines of the fakes."""
        out = io.StringIO()
        _host.print_exception(e, out)
        lines = out.getvalue().replace(self.hide, "").split("\n") if self.hide else out.getvalue().split("\n")
        text = "\n".join([line for line in lines if "holdfast_bench/" not in line])
        if isinstance(e, OSError) and e.args and e.args[0] in errorcode and "[Errno " in text:
            # The interpreter names the number as this machine's errno would.
            text = text[:text.rfind("[Errno ")] + "[Errno %d] %s\n" % (e.args[0], errorcode[e.args[0]])
        self.text(text)

    # --- in ----------------------------------------------------------------------------------------------------------

    def feed(self, data):
        """Bytes have arrived on the line."""
        for b in data:
            if b == self._interrupt_char:
                sched.interrupt()
            elif self.held < RING:
                self._ring[(self._first + self.held) % RING] = b
                self.held += 1
            else:
                self.dropped += 1

    def any(self):
        return self.held

    def get(self):
        """The next byte; blocks until there is one, callbacks and Ctrl-C get through."""
        while not self.held:
            sched.wait(None, self.any)
        b = self._ring[self._first]
        self._first = (self._first + 1) % RING
        self.held -= 1
        return b


def part(buf, limits):
    """The bytes that write(buf), write(buf, n) or write(buf, offset, n) of a stream means."""
    data = buf.encode() if isinstance(buf, str) else bytes(buf)
    if len(limits) == 1:
        return data[:limits[0]]
    if len(limits) == 2:
        return data[limits[0]:limits[0] + limits[1]]
    return data


class StdIn(io.IOBase):
    """sys.stdin (text: CR becomes LF) and sys.stdin.buffer. Reading blocks until all n bytes are there."""

    wakes_main_task = True

    def __init__(self, console, raw=False):
        self._console = console
        self._raw = raw
        if not raw:
            self.buffer = StdIn(console, True)

    def readinto(self, buf, n=None):
        n = len(buf) if n is None else n
        for i in range(n):
            b = self._console.get()
            buf[i] = 10 if b == 13 and not self._raw else b
        return n

    def read(self, n=-1):
        if n < 0:
            raise OSError(22)     # no end of file on a UART: the port would wait for ever
        buf = bytearray(n)
        self.readinto(buf)
        return bytes(buf) if self._raw else str(buf, "utf-8")

    def readline(self, n=-1):
        line = bytearray()
        one = bytearray(1)
        while len(line) != n:
            self.readinto(one)
            line.extend(one)
            if one[0] == 10:
                break
        return bytes(line) if self._raw else str(line, "utf-8")

    def poll_flags(self, mask):
        """What is asked at every turn of an asyncio program: spend_us() and any() in line."""
        kernel = _kernel
        us = kernel.us + _LOOK_US
        if us < kernel.quick_us:
            kernel.us = us
        else:
            kernel.spend_us(_LOOK_US)
        return (_POLLIN | _POLLOUT if self._console.held else _POLLOUT) & mask

    def ioctl(self, request, arg):
        return self.poll_flags(arg) if request == _MP_STREAM_POLL else -1


class StdOut(io.IOBase):
    """sys.stdout, sys.stderr (text) and their buffer (raw)."""

    wakes_main_task = True

    def __init__(self, console, raw=False):
        self._console = console
        self._raw = raw
        if not raw:
            self.buffer = StdOut(console, True)

    def write(self, buf, *limits):
        data = part(buf, limits) if limits or not isinstance(buf, str) else buf.encode()
        self._console.tx(data if self._raw else data.replace(b"\n", b"\r\n"))
        return len(data)

    def ioctl(self, request, arg):
        return arg & _POLLOUT if request == _MP_STREAM_POLL else 0
