# machine.py - a chip that costs nothing, for measuring the firmware on the interpreter's own sockets and clock. RTC memory of any size.
import sys

PWRON_RESET = 1
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
_memory = bytearray(8192)  # no part of the heap on the chip: taken before anything is measured
_length = [0]


class RTC:
    def memory(self, data=None):
        if data is None:
            return bytes(memoryview(_memory)[: _length[0]])
        if len(data) > len(_memory):
            raise ValueError("buffer too long")
        memoryview(_memory)[: len(data)] = data
        _length[0] = len(data)


class WDT:
    def __init__(self, id=0, timeout=5000):
        pass

    def feed(self):
        pass


class UART:  # loaded with everything else, never made
    pass


Pin = UART


def reset_cause():
    return PWRON_RESET


def unique_id():
    return b"\x24\x0a\xc4\x01\x02\x03"


def reset():
    sys.exit(3)


soft_reset = reset


def deepsleep(ms=0):
    reset()
