# nvs.py - what must outlive even the RTC memory: the boot epoch and the table of topics, in the chip's NVS.
# May import: esp32.   Time: none.   Blocks: 1-50 ms a write; written at a power-on and at a new topic only.
from micropython import const
from esp32 import NVS

_TOPICS_MAX = const(2048)


class Store:
    def __init__(self):
        self._nvs = NVS("holdfast")  # one handle: the port never closes them

    # The next boot epoch, saved before it is used.
    def epoch(self):
        try:
            n = self._nvs.get_i32("epoch") + 1
        except OSError:
            n = 1
        self._nvs.set_i32("epoch", n)
        self._nvs.commit()
        return n

    # The table of topics, b"" when there is none.
    def load(self):
        buf = bytearray(_TOPICS_MAX)
        try:
            return bytes(buf[: self._nvs.get_blob("topics", buf)])
        except OSError:
            return b""

    # Raises OSError when the flash is full.
    def save(self, table):
        self._nvs.set_blob("topics", table)
        self._nvs.commit()
