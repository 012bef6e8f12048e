"""time, as on the ESP32: ticks of 2**30, epoch 2000, sleep() that never returns for a negative time."""

import time as _host

from micropython import const

from ..world.kernel import VirtualKernel
from . import sched
from .soc import chip

_kernel = chip.kernel
_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_COST_US = const(3)
_callbacks = sched.due()      # a program that only computes and looks at the clock is where soft callbacks run, too


def _virtual(kernel, chip):
    # The most frequent call of all: spend_us() in line, and no name that has to be looked up.
    def ticks_ms():
        us = kernel.us + _COST_US
        if us < kernel.quick_us:
            kernel.us = us
        else:
            kernel.spend_us(_COST_US)
            if _callbacks:
                sched.run_pending()
        return (chip.ticks_zero_ms + kernel.now_ms) & _MASK

    return ticks_ms


if isinstance(_kernel, VirtualKernel):
    ticks_ms = _virtual(_kernel, chip)
else:
    def ticks_ms():
        _kernel.spend_us(_COST_US)
        if _callbacks:
            sched.run_pending()
        return (chip.ticks_zero_ms + _kernel.now_ms) & _MASK


def ticks_us():
    _kernel.spend_us(_COST_US)
    if _callbacks:
        sched.run_pending()
    return ((chip.ticks_zero_ms + _kernel.now_ms) * 1000 + _kernel.us) & _MASK


def ticks_cpu():
    return ticks_us() * 160 & _MASK


if _host.ticks_add(0, -1) == _MASK:
    # The host's words are the chip's: its functions are exact and fast.
    ticks_add = _host.ticks_add
    ticks_diff = _host.ticks_diff
else:
    def ticks_add(ticks, delta):
        if delta >= _HALF or delta <= -_HALF:
            raise OverflowError("ticks interval overflow")
        return (ticks + delta) & _MASK

    def ticks_diff(end, start):
        return ((end - start + _HALF) & _MASK) - _HALF


def sleep_ms(ms):
    if ms > 0:
        sched.wait(_kernel.now_ms + ms)
    else:
        _kernel.spend_us(10)
        sched.run_pending()


def sleep_us(us):
    if us > 0:
        _kernel.spend_us(us)


def sleep(seconds):
    if isinstance(seconds, (str, bytes)):
        raise TypeError("can't convert %s to float" % type(seconds).__name__)
    ms = seconds * 1000
    if type(ms) is not int:
        ms = int(float(ms))
    if seconds < 0:
        sched.wait(None)      # the port computes an unsigned delay: it does not return
    sleep_ms(ms)


def time():
    _kernel.spend_us(_COST_US)
    return chip.clock.now()[0]


def time_ns():
    s, us = chip.clock.now()
    return (s * 1000000 + us) * 1000


def _days_before(year):
    y = year - 1
    return y * 365 + y // 4


def _leap(year):
    return year % 4 == 0      # the port is built for 1970 to 2099; it takes 2100 for a leap year, too


def mktime(t):
    if not 8 <= len(t) <= 9:
        raise TypeError("mktime needs a tuple of length 8 or 9 (%d given)" % len(t))
    year, month, day, hour, minute, second = t[:6]
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    days = _days_before(year) - _days_before(2000) + _DAYS[month - 1] + day - 1
    if month > 2 and _leap(year):
        days += 1
    return days * 86400 + hour * 3600 + minute * 60 + second


def gmtime(seconds=None):
    if seconds is None:
        seconds = time()
    if not -3155673600 <= seconds < 1 << 32:
        seconds = 0           # beyond 32 bits the port shows its epoch
    days, rest = seconds // 86400, seconds % 86400
    weekday = (days + 5) % 7  # 2000-01-01 was a Saturday
    year = 2000 + days * 4 // 1461
    while _days_before(year + 1) - _days_before(2000) <= days:
        year += 1
    while _days_before(year) - _days_before(2000) > days:
        year -= 1
    yday = days - (_days_before(year) - _days_before(2000))
    month = 12
    while True:
        start = _DAYS[month - 1] + (1 if month > 2 and _leap(year) else 0)
        if start <= yday:
            break
        month -= 1
    return year, month, yday - start + 1, rest // 3600, rest // 60 % 60, rest % 60, weekday, yday + 1


localtime = gmtime
