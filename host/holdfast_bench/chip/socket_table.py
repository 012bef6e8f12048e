"""The ten sockets of lwIP and the ports that are bound: who has one, who has let go without closing, what a reset leaves.

Knows a socket object by what it is given of it: `_guard`, and `_slot` = [descriptor, flow or other end]. May use: soc, the interpreter's own
select and socket for descriptors.
"""

import gc
import select as _select
import socket as _host

from micropython import const

from ..world import lwip
from .soc import chip

_POLLIN, _POLLNVAL = const(1), const(32)
_UDP = const(2)              # SOCK_DGRAM
_MDNS = (_UDP, 5353)

bound = [_MDNS]              # (type, port) in use; the mDNS responder takes its own
_open = []                   # [guard descriptor, flow]: what holds one of the ten sockets


def take(sock):
    """A socket of lwIP's ten, or ENFILE; unreferenced ones are collected first, as the port does."""
    _sweep()      # before a descriptor is opened: it may get the number of one that was closed
    if len(_open) >= lwip.SOCKETS:
        gc.collect()
        _sweep()
        if len(_open) >= lwip.SOCKETS:
            raise OSError(lwip.ENFILE)
    fd = _host.socket().fileno()     # any descriptor of our own
    sock._guard = open(fd, "rb")
    sock._slot = [fd, None]
    _open.append(sock._slot)


def release(slot):
    """The socket is closed; one that was let go already is fine."""
    if slot in _open:
        _open.remove(slot)


def number(slot):
    """The descriptor that the program sees."""
    return 54 + _open.index(slot)


def _sweep():
    """Let go of sockets that nobody refers to any more. MicroPython has no weak references: a native file that only the fake
    socket refers to is closed by its own finaliser, which shows on its descriptor."""
    poller = _select.poll()
    for slot in list(_open):
        poller.register(slot[0], _POLLIN)
        if any(ev & _POLLNVAL for _, ev in poller.poll(0)):
            _open.remove(slot)
            if slot[1] is not None:
                slot[1].close()
        poller.unregister(slot[0])


def _end(kind):
    """The life is over: a soft reset closes sockets, any other reset leaves their peers in the dark."""
    if kind == "soft":
        for slot in _open:
            if slot[1] is not None:
                slot[1].close()
    elif chip.stack is not None:
        chip.stack.reset()
    _open.clear()
    bound[:] = [_MDNS]


chip.enders.append(_end)
