# block.py - the block of RTC memory: the area of the ring, then two alternating headers with the resume record.
# May import: nothing of ours; machine.RTC() is handed in, and this is the only caller of its memory().
# Time: none.   Blocks: 0.1-0.6 ms a write (one 2 KB copy).
# The layout is docs/rtc-format.md, byte by byte. A reset may tear a write anywhere; what was in before stays readable.
# The headers come last because the port copies upwards: a torn append then leaves the old header, as if never begun.
from binascii import crc32
from micropython import const
from struct import pack_into, unpack_from

_MAGIC = const(0x4801)  # "H", format 1
_HEADER = const(104)  # bytes of one header, its CRC included
_BODY = const(100)
_SMALLEST = const(512)  # a block smaller than this is not worth formatting
_HOT = ">HHHHIIIIHB"  # magic, generation, head, tail, head_seq, next_seq, head_t, birth_s, epoch, flags
# The resume record follows at byte 27 of the header. Who keeps something there names offset and format himself; a test
# compares them with the table in docs/rtc-format.md.


class Block:
    # rtc: object with memory(), as machine.RTC(). size: bytes to format when nothing readable is there.
    # new_epoch: called for the boot epoch when the content was lost; it grows with every call (kept in NVS).
    # fresh tells which it was; torn: one header is unreadable, so the last write was cut off, or its header was damaged since.
    # Raises ValueError when the port has too little RTC memory.
    def __init__(self, rtc, size, new_epoch):
        self._rtc = rtc
        self.fresh = not self._open(rtc.memory())
        if self.fresh:
            self._format(size, new_epoch())

    # Takes over the newest valid header of `old`; False when there is none: another program's data, noise, nothing.
    # The size stays what it was when the content was written, so offsets mean the same, whatever is configured now.
    def _open(self, old):
        self.torn = False
        if len(old) < _SMALLEST:
            return False
        best = -1
        room = len(old) - 2 * _HEADER
        for at in (room, room + _HEADER):
            magic, gen, head, tail = unpack_from(">HHHH", old, at)
            if magic == _MAGIC and head <= room and tail <= room and unpack_from(">I", old, at + _BODY)[0] == crc32(old[at : at + _BODY]):
                if best < 0 or (gen - self.gen) & 0x8000 == 0:
                    best = at
                    self.gen = gen
            else:
                self.torn = True
        if best < 0:
            return False
        self.torn = self.torn and self.gen != 1  # there is but one header yet
        self._buffers(bytearray(old), best)
        t = unpack_from(_HOT, old, best)
        self.head, self.tail, self.head_seq, self.next_seq, self.head_t, self.birth_s, self.epoch, self.flags = t[2:]
        self.safe = self.head
        self.safe_seq = self.head_seq
        return True

    def _format(self, size, epoch):
        self.gen = self.head = self.tail = self.head_t = self.birth_s = self.flags = 0
        self.head_seq = self.next_seq = 1
        self.epoch = epoch
        self.torn = False
        while True:
            self._buffers(bytearray(size), size - _HEADER)
            try:
                return self.commit()
            except ValueError:  # a build with less RTC memory than configured
                size //= 2
                if size < _SMALLEST:
                    raise

    def _buffers(self, buf, at):
        self._buf = buf
        self._at = at  # where the newest header lies
        self._work = bytearray(buf[at : at + _HEADER])
        self._body = memoryview(self._work)[:_BODY]
        self.area = memoryview(buf)[: len(buf) - 2 * _HEADER]

    # Makes everything so far survive a reset: puts the next header over the older one and writes the block.
    # A torn write falls back to the header before, so between two commits only space may be used that is free under
    # that one as well: `safe` and `safe_seq` are its head.
    def commit(self):
        work = self._work
        buf = self._buf
        at = 2 * len(buf) - 3 * _HEADER - self._at  # the other one's place
        gen = self.gen = (self.gen + 1) & 0xFFFF
        pack_into(_HOT, work, 0, _MAGIC, gen, self.head, self.tail, self.head_seq, self.next_seq, self.head_t, self.birth_s, self.epoch, self.flags)
        pack_into(">I", work, _BODY, crc32(self._body))
        buf[at : at + _HEADER] = work
        self._rtc.memory(buf)
        self._at = at
        self.safe = self.head
        self.safe_seq = self.head_seq

    # Values of the resume record at offset `at` of the header: a tuple, as struct has it.
    def peek(self, at, form):
        return unpack_from(form, self._work, at)

    # Changes values there; the change survives a reset from the next commit() on.
    def poke(self, at, form, *values):
        pack_into(form, self._work, at, *values)
