"""select.poll, as on the ESP32: objects are asked one by one, the waiting loop ticks every 10 ms.

Sockets are noticed at a tick, as is the time-out; only what wakes the main task (the UART, a soft callback) is seen at once.
"""

import select as _host

from micropython import const

from . import sched
from .soc import chip

POLLIN = 1
POLLOUT = 4
POLLERR = 8
POLLHUP = 16

_TICK_MS = const(10)
_MP_STREAM_POLL = const(3)
_CALL_US = const(20)
_kernel = chip.kernel


class _Entry:
    def __init__(self, obj, mask):
        self.obj = obj
        self.mask = mask
        self.got = 0
        self.at_once = getattr(obj, "wakes_main_task", False)
        self.ask = getattr(obj, "poll_flags", None)     # of our own streams: what their ioctl would say
        if self.ask is None:
            self._ioctl = getattr(obj, "ioctl", None)
            self.ask = self._ask_stream
            if self._ioctl is None:
                # A native stream, such as a TLS socket: only the host's poll can ask it.
                self._poller = _host.poll()
                self._poller.register(obj, mask)
                self.ask = self._ask_native

    def _ask_stream(self, mask):
        return self._ioctl(_MP_STREAM_POLL, mask)

    def _ask_native(self, mask):
        self._poller.modify(self.obj, mask)
        found = self._poller.poll(0)
        return found[0][1] if found else 0


class poll:
    def __init__(self):
        self._entries = []
        self._tick = True     # what became ready is noticed at a tick only

    def _find(self, obj):
        for entry in self._entries:
            if entry.obj is obj:
                return entry
        return None

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        entry = self._find(obj)
        if entry is None:
            self._entries.append(_Entry(obj, eventmask))
        else:
            entry.mask = eventmask

    def unregister(self, obj):
        entry = self._find(obj)
        if entry is not None:
            self._entries.remove(entry)

    def modify(self, obj, eventmask):
        entry = self._find(obj)
        if entry is None:
            raise OSError(2)
        entry.mask = eventmask

    def _once(self):
        found = False
        self._tick = True
        for entry in self._entries:
            entry.got = got = entry.ask(entry.mask)
            if got:
                found = True
                if entry.at_once:
                    self._tick = False
        return found

    def _run(self, timeout_ms):
        """Whether anything is ready."""
        kernel = _kernel
        us = kernel.us + _CALL_US       # spend_us(), in line
        if us < kernel.quick_us:
            kernel.us = us
        else:
            kernel.spend_us(_CALL_US)
        start, us = kernel.now_ms, kernel.us
        if self._once():
            return True
        if timeout_ms == 0:
            return False
        forever = timeout_ms is None or timeout_ms < 0
        end = None if forever else start + timeout_ms + (-(start + timeout_ms - chip.boot_at_ms) % _TICK_MS)
        while not sched.wait(end, self._once, kernel.again(start, us)):
            if not forever:
                return False
        if self._tick:
            # Ready between two ticks: seen at the next one.
            late = -(kernel.now_ms - chip.boot_at_ms) % _TICK_MS
            if late:
                sched.wait(kernel.now_ms + late)
                return self._once()
        return True

    def poll(self, timeout_ms=-1, flags=0):
        return [(e.obj, e.got) for e in self._entries if e.got] if self._run(timeout_ms) else []

    def ipoll(self, timeout_ms=-1, flags=0):
        return iter([(e.obj, e.got) for e in self._entries if e.got] if self._run(timeout_ms) else ())


def select(rlist, wlist, xlist, timeout=None):
    p = poll()
    for lst, mask in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR | POLLHUP)):
        for obj in lst:
            entry = p._find(obj)
            p.register(obj, mask | (entry.mask if entry else 0))
    ready = p.poll(-1 if timeout is None else int(timeout * 1000))
    return ([o for o, ev in ready if ev & POLLIN], [o for o, ev in ready if ev & POLLOUT],
            [o for o, ev in ready if ev & ~(POLLIN | POLLOUT)])
