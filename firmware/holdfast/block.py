# block.py - the block of RTC memory: the area of the ring, then two alternating headers with the resume record.
# May import: layout, to begin with; machine.RTC() is handed in, and nobody else calls its memory().
# Time: none.   Blocks: 0.1-0.6 ms a write (one 2 KB copy).
# The layout is docs/rtc-format.md, byte by byte. A reset may tear a write anywhere; what was in before stays readable.
# The headers come last because the port copies upwards: a torn append then leaves the old header, as if never begun.
from binascii import crc32
from micropython import const
from struct import pack_into, unpack_from

_FORMAT = const(0x81)  # first byte of a header: format 1
_HEADER = const(120)  # bytes of one header, its CRC included
_BODY = const(116)
_NEVER = const(0xFFFFFFFF)  # in place of a stamp that is not known; -1 in `head_t`
_HOT = const(">BBHHIIIiIB")  # format, generation, head, tail, head_seq, next_seq, head_t, birth_s, epoch, flags
# The resume record follows at byte 27 of the header. Who keeps something there names offset and format himself; a test
# compares them with the table in docs/rtc-format.md.


class Block:
    # rtc: object with memory(), as machine.RTC(). size: bytes the block shall have.
    # new_epoch: called for the boot epoch when the content was lost; it grows with every call (kept in NVS).
    # fresh tells which it was; torn: one header is unreadable, so the last write was cut off, or its header was damaged since.
    # Raises ValueError when the port has too little RTC memory.
    def __init__(self, rtc, size, new_epoch):
        from .layout import begin

        self.rtc = rtc
        self.fresh, self.torn = begin(self, size, new_epoch)

    # The block is `buf` from now on, with the newest header at `at`.
    def use(self, buf, at):
        self.buf = buf
        self.at = at
        self.work = bytearray(buf[at : at + _HEADER])
        self._body = memoryview(self.work)[:_BODY]
        self.area = memoryview(buf)[: len(buf) - 2 * _HEADER]

    # Makes `work` the next header.
    def seal(self):
        work = self.work
        gen = self.gen = (self.gen + 1) & 0xFF
        pack_into(_HOT, work, 0, _FORMAT, gen, self.head, self.tail, self.head_seq, self.next_seq, self.head_t & _NEVER, self.birth_s, self.epoch, self.flags)
        pack_into(">I", work, _BODY, crc32(self._body))

    # Makes everything so far survive a reset: puts the next header over the older one and writes the block.
    # A torn write falls back to the header before, so between two commits only space may be used that is free under
    # that one as well: `safe` and `safe_seq` are its head.
    def commit(self):
        buf = self.buf
        at = 2 * len(buf) - 3 * _HEADER - self.at  # the other one's place
        self.seal()
        buf[at : at + _HEADER] = self.work
        self.rtc.memory(buf)
        self.at = at
        self.safe = self.head
        self.safe_seq = self.head_seq

    # Values of the resume record at offset `at` of the header: a tuple, as struct has it.
    def peek(self, at, form):
        return unpack_from(form, self.work, at)

    # Changes values there; the change survives a reset from the next commit() on.
    def poke(self, at, form, *values):
        pack_into(form, self.work, at, *values)
