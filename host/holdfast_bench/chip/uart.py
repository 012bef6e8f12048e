"""machine.UART, as on the ESP32. What a UART sends goes nowhere unless the world has joined something to it; what it
receives comes in by feed(). Rules of 1.26: one time-out for the whole read, waits rounded down to ticks of 10 ms.
"""

import io

from . import sched
from .console import part
from .soc import chip

_kernel = chip.kernel
_TICK_MS = 10
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
        self._ring = bytearray()
        self._open = True
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

    def deinit(self):
        self._open = False

    def feed(self, data):
        """Bytes have arrived: what does not fit into the ring is dropped without notice."""
        room = self._set["rxbuf"] - len(self._ring)
        self._ring.extend(data[:room])

    def any(self):
        return len(self._ring)

    def _take(self, n):
        """Up to n bytes (None: what is there), waiting for the first as long as timeout says."""
        _kernel.spend_us(50)
        if not self._open:
            return b""
        wait_ms = self._set["timeout"] // _TICK_MS * _TICK_MS
        want = n if n is not None else 1
        if len(self._ring) < want and wait_ms:
            sched.wait(_kernel.now_ms + wait_ms, lambda: len(self._ring) >= want)
        n = len(self._ring) if n is None else min(n, len(self._ring))
        data = bytes(self._ring[:n])
        self._ring = self._ring[n:]
        return data

    def read(self, n=None):
        return self._take(n) or None

    def readinto(self, buf, n=None):
        data = self._take(len(buf) if n is None else n)
        buf[:len(data)] = data
        return len(data) or None

    def readline(self):
        end = self._ring.find(b"\n")
        return self._take(end + 1 if end >= 0 else None) or None

    def write(self, buf, *limits):
        if not self._open:
            return None
        data = part(buf, limits)
        # What does not fit into the ring blocks at line speed.
        over = len(data) - self._set["txbuf"] - 128
        if over > 0 and self._set["baudrate"]:
            _kernel.spend_us(over * 10000000 // self._set["baudrate"])
        send = chip.uart_lines.get(self._id)
        if send is not None:
            send(data)
        return len(data)

    def txdone(self):
        return True

    def flush(self):
        pass

    def sendbreak(self):
        pass

    def irq(self, handler=None, trigger=0, hard=False):
        if hard:
            raise ValueError("hard IRQ is not supported")

    def ioctl(self, request, arg):
        if request == _MP_STREAM_POLL:
            return ((_POLLIN if self._ring else 0) | _POLLOUT) & arg
        return 0

    def __repr__(self):
        s = self._set
        return ("UART(%d, baudrate=%d, bits=%d, parity=%s, stop=%d, tx=%d, rx=%d, rts=%d, cts=%d, txbuf=%d, rxbuf=%d, timeout=%d, "
                "timeout_char=%d, irq=0)" % (self._id, s["baudrate"], s["bits"], s["parity"], s["stop"], s["tx"], s["rx"], s["rts"],
                                             s["cts"], s["txbuf"], s["rxbuf"], s["timeout"], s["timeout_char"]))


_uarts = {}


def _end(kind):
    _uarts.clear()


chip.enders.append(_end)
