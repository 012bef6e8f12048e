"""machine.UART, as on the ESP32. What a UART sends goes nowhere unless the world has joined something to it
(`chip.uart_lines`); what it receives comes in by feed(). Rules of 1.26: one time-out for the whole read, waits rounded down to
ticks of 10 ms. With RTS wired the other side stops when ring and FIFO are full; without, what does not fit is dropped. With CTS wired
nothing leaves while the other side is not ready (`chip.line_ready`), and write() blocks, with everything else, when its ring is full.
"""

import io

from . import sched
from .console import part
from .soc import chip

_kernel = chip.kernel
_TICK_MS = 10
FIFO = 128
_MP_STREAM_POLL = 3
_POLLIN, _POLLOUT = 1, 4


class UART(io.IOBase):
    INV_TX, INV_RX, INV_RTS, INV_CTS = 4, 8, 2, 1
    RTS, CTS = 1, 2
    IRQ_RX, IRQ_RXIDLE, IRQ_BREAK = 1, 4096, 128
    wakes_main_task = True

    def __init__(self, id, baudrate=115200, **settings):
        if not 0 <= id < chip.model.uarts:
            raise ValueError("UART(%d) does not exist" % id)
        if id == 0:
            if "rxbuf" in settings or "txbuf" in settings:
                raise ValueError("UART buffer size is fixed")
            raise OSError(-259, "ESP_ERR_INVALID_STATE")
        self._id = id
        self._pieces = []          # of the ring, as they came: on the chip it is no matter of the heap, so it asks ours for little
        self._have = self._size = 0
        self._held = []            # written while CTS held it back
        self._open = True
        self.dropped = 0
        self._set = dict(baudrate=115200, bits=8, parity=None, stop=1, tx=-1, rx=-1, rts=-1, cts=-1, txbuf=256, rxbuf=256,
                         timeout=0, timeout_char=0, invert=0, flow=0)
        _uarts[id] = self
        self.init(baudrate, **settings)

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, **settings):
        if not 5 <= bits <= 8:
            raise ValueError("invalid data bits")
        if stop not in (1, 2):
            raise ValueError("invalid stop bits")
        if settings.get("rxbuf", 256) <= 128:
            raise OSError(1, "ESP_FAIL")
        self._set.update(settings)
        self._set.update(dict(baudrate=baudrate, bits=bits, parity=parity, stop=stop))
        self._size = self._set["rxbuf"] + (FIFO if self._set["flow"] & UART.RTS else 0)
        self._open = True
        self._sent_at_ms = self._left_us = 0
        self._tell()

    def _byte_us(self):
        """Start bit, data, parity, stop: what one byte takes on the line."""
        s = self._set
        frame = 1 + s["bits"] + (s["parity"] is not None) + s["stop"]
        return frame * 1000000 // s["baudrate"] if s["baudrate"] else 0

    def deinit(self):
        self._open = False
        self._tell()

    def _tell(self):
        """The world hears how the line is set, and how much may come when RTS is wired (None: it is not)."""
        s = self._set
        room = s["rxbuf"] + FIFO if s["flow"] & UART.RTS else None
        # For the world a byte has ten bits: the speed is the one at which bytes come.
        speed = s["baudrate"] * 10 // (1 + s["bits"] + (s["parity"] is not None) + s["stop"])
        chip.uart_opened(self._id, speed if self._open else 0, room)

    def feed(self, data):
        """Bytes have arrived: what does not fit into the ring is dropped without notice."""
        n = min(len(data), self._size - self._have)
        if n > 0:
            self._pieces.append(data if n == len(data) else data[:n])
            self._have += n
        self.dropped += len(data) - max(n, 0)

    def any(self):
        return self._have

    def _wait(self, n):
        """For n bytes, as long as timeout says. -> how many of these are there"""
        _kernel.spend_us(50)
        wait_ms = self._set["timeout"] // _TICK_MS * _TICK_MS
        if self._have < n and wait_ms:
            sched.wait(_kernel.now_ms + wait_ms, lambda: self._have >= n)
        return min(n, self._have) if self._open else 0

    def _take(self, buf, n):
        """The first n bytes, which are there, into buf."""
        at = 0
        pieces = self._pieces
        while at < n:
            piece = pieces[0]
            k = min(len(piece), n - at)
            buf[at:at + k] = piece[:k]
            at += k
            if k == len(piece):
                pieces.pop(0)
            else:
                pieces[0] = piece[k:]
        self._have -= n
        if n and self._set["flow"] & UART.RTS:
            chip.uart_taken(self._id, n)

    def read(self, n=None):
        there = self._wait(1 if n is None else n)
        data = bytearray(self._have if n is None and there else there)
        self._take(data, len(data))
        return bytes(data) or None

    def readinto(self, buf, n=None):
        n = self._wait(len(buf) if n is None else min(n, len(buf)))
        self._take(buf, n)
        return n or None

    def readline(self):
        n = self._wait(1)
        line = bytearray()
        for piece in self._pieces if n else ():
            end = piece.find(b"\n") + 1
            line.extend(piece[:end] if end else piece)
            if end:
                break
        self._take(line, len(line))
        return bytes(line) or None

    def write(self, buf, *limits):
        if not self._open:
            return None
        data = part(buf, limits)
        # What does not fit into ring and FIFO blocks at line speed.
        byte_us = self._byte_us()
        room_us = (self._set["txbuf"] + FIFO) * byte_us
        if self._stopped() and self._left_us + len(data) * byte_us > room_us:
            _kernel.wait(None, lambda: not self._stopped())     # for ever, if it has to be
        self._left_us = self._unsent_us() + len(data) * byte_us
        self._sent_at_ms = _kernel.now_ms
        over_us = self._left_us - room_us
        if over_us > 0:
            _kernel.spend_us(over_us)
        if self._stopped():
            self._held.append(bytes(data))
        else:
            self._send(data)
        return len(data)

    def _stopped(self):
        """CTS is wired and the other side does not want anything."""
        return bool(self._set["flow"] & UART.CTS) and self._id in _unready

    def _send(self, data):
        send = chip.uart_lines.get(self._id)
        if send is not None:
            send(data)

    def _ready_again(self):
        """What was held back goes out from now on."""
        self._sent_at_ms = _kernel.now_ms
        held, self._held = self._held, []
        for data in held:
            self._send(data)

    def _unsent_us(self):
        """Time on the line of what is written and not sent yet."""
        if self._stopped():
            return self._left_us
        return max(0, self._left_us - (_kernel.now_ms - self._sent_at_ms) * 1000)

    def txdone(self):
        return self._unsent_us() == 0

    def flush(self):
        pass

    def sendbreak(self):
        pass

    def irq(self, handler=None, trigger=0, hard=False):
        if hard:
            raise ValueError("hard IRQ is not supported")

    def ioctl(self, request, arg):
        if request == _MP_STREAM_POLL:
            return ((_POLLIN if self._have else 0) | _POLLOUT) & arg
        return 0

    def __repr__(self):
        s = self._set
        return ("UART(%d, baudrate=%d, bits=%d, parity=%s, stop=%d, tx=%d, rx=%d, rts=%d, cts=%d, txbuf=%d, rxbuf=%d, timeout=%d, "
                "timeout_char=%d, irq=0)" % (self._id, s["baudrate"], s["bits"], s["parity"], s["stop"], s["tx"], s["rx"], s["rts"],
                                             s["cts"], s["txbuf"], s["rxbuf"], s["timeout"], s["timeout_char"]))


_uarts = {}


_unready = []      # UARTs whose other side takes nothing now


def line_ready(id, ready):
    """The other side of a UART wants bytes (at first it does), or does not: it drives our CTS, if that is wired."""
    if not ready and id not in _unready:
        if id in _uarts:    # what has left by now has left
            _uarts[id]._left_us = _uarts[id]._unsent_us()
        _unready.append(id)
    elif ready and id in _unready:
        _unready.remove(id)
        if id in _uarts:
            _uarts[id]._ready_again()


def line_in(id, data):
    """Bytes on the line of a UART; nobody hears them when it is not open."""
    if id in _uarts:
        _uarts[id].feed(data)


def _end(kind):
    for id in _uarts:
        chip.uart_opened(id, 0, None)
    _uarts.clear()


chip.line_in = line_in
chip.line_ready = line_ready


chip.enders.append(_end)
