"""Processes whose memory lies at the same addresses in every run.

MicroPython's collector takes whatever looks like an address within its heap for one. Where the system puts the heap somewhere else each time, the same numbers
(the halves of a float, a checksum) keep other pieces of garbage, and what is free differs between two runs that are alike in all else.
May use: personality(2) of Linux.
"""

import contextlib
import ctypes

ADDR_NO_RANDOMIZE = 0x0040000   # linux/personality.h
ASK = 0xFFFFFFFF                # changes nothing, returns what is set


@contextlib.contextmanager
def fixed():
    """What this thread starts meanwhile has its memory at the same addresses each time. Where the system does not know or not allow that (containers with a
    strict seccomp profile) nothing changes."""
    try:
        personality = ctypes.CDLL(None).personality
    except (OSError, AttributeError):
        yield
        return
    before = personality(ctypes.c_ulong(ASK))
    if before != -1:
        personality(ctypes.c_ulong(before | ADDR_NO_RANDOMIZE))
    try:
        yield
    finally:
        if before != -1:
            personality(ctypes.c_ulong(before))
