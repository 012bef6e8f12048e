"""Lets CPython import the pure modules of the firmware: the two or three names that only MicroPython has are supplied."""

import binascii
import gc
import socket
import struct
import sys
import time
import types
from pathlib import Path

from holdfast_bench.choices import choices

ROOT = Path(__file__).resolve().parents[3]
_PERIOD = 1 << 30  # of the chip's ticks


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def ticks_diff(a, b):
    return (a - b + _PERIOD // 2) % _PERIOD - _PERIOD // 2


def _supply():
    micropython = types.ModuleType("micropython")
    micropython.const = lambda value: value
    sys.modules.setdefault("micropython", micropython)
    if not hasattr(gc, "threshold"):
        gc.threshold = lambda bytes=0: bytes
    for old, module in (("usocket", socket), ("ustruct", struct), ("ubinascii", binascii)):
        sys.modules.setdefault(old, module)  # umqtt.simple 1.3.4 imports these names
    time.ticks_ms = lambda: int(time.monotonic() * 1000) % _PERIOD
    time.ticks_add = ticks_add
    time.ticks_diff = ticks_diff
    for path in (ROOT / "firmware", Path(choices().umqtt), ROOT / "tests" / "firmware"):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))


_supply()
