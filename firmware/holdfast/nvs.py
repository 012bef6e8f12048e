# nvs.py - what must outlive even the RTC memory: boot epoch, quick starts, table of topics, wear of the spool, in the chip's NVS.
# May import: esp32.   Time: none.   Blocks: 1-50 ms a write; written at a power-on, at a new topic and when the spool grows only.
from micropython import const
from esp32 import NVS
from random import getrandbits
from struct import pack, unpack

_TOPICS_MAX = const(2048)
_WEAR = const(">IIII")


class Store:
    def __init__(self):
        self._nvs = NVS("holdfast")  # one handle: the port never closes them

    # The next boot epoch, saved before it is used. The first one of all is drawn by lot, so that a node whose flash was erased
    # does not give its numbers to other messages once more.
    def epoch(self):
        try:
            n = self._nvs.get_i32("epoch") + 1
        except OSError:
            n = getrandbits(20) << 10 | 1
        self._nvs.set_i32("epoch", n)
        self._nvs.set_i32("quick", self.quick() + 1)
        self._nvs.commit()
        return n

    # Starts in a row that found no RTC memory and did not get far: a supply that breaks down when the radio begins to send.
    def quick(self):
        try:
            return self._nvs.get_i32("quick")
        except OSError:
            return 0

    def settled(self):
        if self.quick():
            self._nvs.set_i32("quick", 0)
            self._nvs.commit()

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

    # Of the spool: erases so far, how many may follow, stamp and epoch of that. Zeros when there is no record.
    def wear(self):
        buf = bytearray(16)
        try:
            self._nvs.get_blob("wear", buf)
        except OSError:
            pass
        return unpack(_WEAR, buf)

    def save_wear(self, *values):
        try:
            self._nvs.set_blob("wear", pack(_WEAR, *values))
            self._nvs.commit()
        except OSError:
            pass  # full: the count goes on in this life
