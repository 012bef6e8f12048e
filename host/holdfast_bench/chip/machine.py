"""machine, as on the ESP32: resets and their causes, watchdog, sleep, RTC with its memory, timers, a UART that hears
nothing and pins that drive nothing.
"""

from . import sched
from .soc import chip

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
PIN_WAKE = EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4
TOUCHPAD_WAKE = 5
ULP_WAKE = 6
SLEEP = 2
DEEPSLEEP = 4

_kernel = chip.kernel
_FREQ = [160000000]
_NOTHING = object()     # no argument


def reset():
    chip.reset("software", "machine.reset()")


def soft_reset():
    raise SystemExit


def reset_cause():
    _kernel.spend_us(2)
    return chip.cause


def wake_reason():
    return chip.wake


def unique_id():
    return chip.mac


def freq(hz=None):
    if hz is None:
        return _FREQ[0]
    if hz not in (20000000, 40000000, 80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _FREQ[0] = hz


def deepsleep(ms=0):
    """Never returns: the next life begins when the time is over (at once for 0; never for no argument but by reset)."""
    chip.reset("deep_sleep", "machine.deepsleep(%d)" % ms, ms)


def lightsleep(ms=0):
    """Time passes, nothing runs. Wi-Fi does not live through it."""
    chip.station.stop()
    _kernel.wait(_kernel.now_ms + ms)
    chip.wake = TIMER_WAKE


def idle():
    sched.wait(_kernel.now_ms + 1)


def disable_irq():
    return 0


def enable_irq(state=0):
    pass


class WDT:
    def __new__(cls, id=0, timeout=5000):
        for value in (id, timeout):
            if not isinstance(value, int):
                raise TypeError("can't convert %s to int" % type(value).__name__)
        if id != 0:
            raise ValueError
        if timeout >= 1 << 31:
            raise OverflowError("overflow converting long int to machine word")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        _kernel.spend_us(100)
        chip.wdt_arm(timeout)
        return _wdt

    def feed(self):
        _kernel.spend_us(5)
        chip.wdt_feed()

    def __repr__(self):
        return "<WDT>"


_wdt = object.__new__(WDT)


class RTC:
    def __new__(cls):
        return _rtc

    def memory(self, buf=_NOTHING, *more):
        if more:
            raise TypeError("function expected at most 2 arguments, got %d" % (len(more) + 2))
        if buf is _NOTHING:
            _kernel.spend_us(100)
            return chip.rtc.read()
        if not isinstance(buf, (bytearray, bytes)):
            if isinstance(buf, (int, list)) or buf is None:
                raise TypeError("object with buffer protocol required")
            buf = buf.encode() if isinstance(buf, str) else bytes(buf)
        _kernel.spend_us(100)
        chip.rtc.write(buf)

    def datetime(self, new=None):
        from . import time
        if new is None:
            s, us = chip.clock.now()
            year, month, day, hour, minute, second, weekday, _ = time.gmtime(s)
            return year, month, day, weekday, hour, minute, second, us
        if len(new) != 8:
            raise ValueError("requested length 8 but object has length %d" % len(new))
        # The clock counts unsigned seconds since 1970: what lies before wraps to the far end.
        s = time.mktime((new[0], new[1], new[2], new[4], new[5], new[6], 0, 0))
        chip.clock.set((s + 946684800) % (1 << 32) - 946684800, new[7])

    def init(self, new):
        # Since 1.25: hours follow the day, microseconds are the eighth item.
        self.datetime((new[0], new[1], new[2], 0, new[3], new[4], new[5], new[7]))


_rtc = object.__new__(RTC)


class _Memory:
    """mem8, mem16, mem32: no registers are modelled; the first page is what a stray pointer hits."""

    def _at(self, address, why):
        if 0 <= address < 0x1000:
            chip.reset("panic", "%s at 0x%08x" % (why, address))
        raise NotImplementedError("no memory is modelled at 0x%08x" % address)

    def __getitem__(self, address):
        self._at(address, "LoadProhibited")

    def __setitem__(self, address, value):
        self._at(address, "StoreProhibited")


mem8 = mem16 = mem32 = _Memory()


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id, **settings):
        if not 0 <= id < 4:
            raise ValueError("invalid Timer number")
        self._id = id
        self._event = None
        _timers.append(self)
        if settings:
            self.init(**settings)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        self.deinit()
        self._period = max(1, int(1000 / freq)) if freq > 0 else period
        self._mode, self._callback = mode, callback
        self._event = _kernel.after(self._period, self._fire)

    def _fire(self, _):
        self._event = _kernel.after(self._period, self._fire) if self._mode == self.PERIODIC else None
        if self._callback is not None:
            try:
                sched.schedule(self._callback, self)
            except RuntimeError:
                pass    # the queue is full: the port drops the call

    def deinit(self):
        _kernel.cancel(self._event)
        self._event = None

    def value(self):
        return 0


class Pin:
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_UP, PULL_DOWN = 2, 1
    IRQ_RISING, IRQ_FALLING = 1, 2
    WAKE_LOW, WAKE_HIGH = 4, 5
    DRIVE_0, DRIVE_1, DRIVE_2, DRIVE_3 = 0, 1, 2, 3

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if not 0 <= id < chip.model.pins or id in chip.model.missing:
            raise ValueError("invalid pin")
        self._id = id
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if self._id >= (chip.model.inputs_from or 99) and mode in (self.OUT, self.OPEN_DRAIN):
            raise ValueError("pin can only be input")
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return _levels.get(self._id, 0)
        _levels[self._id] = 1 if level else 0

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not self.value())

    def irq(self, handler=None, trigger=3, wake=None, hard=False):
        pass

    def __repr__(self):
        return "Pin(%d)" % self._id


_timers = []
_levels = {}


def _end(kind):
    for timer in _timers:
        timer.deinit()
    _timers.clear()
    if kind != "soft":
        _levels.clear()
        _FREQ[0] = 160000000


chip.enders.append(_end)

from .uart import UART  # noqa: E402,F401
