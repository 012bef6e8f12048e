# block.py - the block of RTC memory: the area of the ring, then two alternating headers with the resume record.
# May import: nothing of ours; machine.RTC() is handed in, and this is the only caller of its memory().
# Time: none.   Blocks: 0.1-0.6 ms a write (one 2 KB copy).
# The layout is docs/rtc-format.md, byte by byte. A reset may tear a write anywhere; what was in before stays readable.
# The headers come last because the port copies upwards: a torn append then leaves the old header, as if never begun.
from binascii import crc32
from micropython import const
from struct import pack_into, unpack_from

_FORMAT = const(0x81)  # first byte of a header: format 1
_HEADER = const(120)  # bytes of one header, its CRC included
_BODY = const(116)
_SMALLEST = const(512)  # a block smaller than this is not worth formatting
_NEVER = const(0xFFFFFFFF)  # in place of a stamp that is not known; -1 in `head_t`
_HOT = ">BBHHIIIiIB"  # format, generation, head, tail, head_seq, next_seq, head_t, birth_s, epoch, flags
# The resume record follows at byte 27 of the header. Who keeps something there names offset and format himself; a test
# compares them with the table in docs/rtc-format.md.


class Block:
    # rtc: object with memory(), as machine.RTC(). size: bytes the block shall have.
    # new_epoch: called for the boot epoch when the content was lost; it grows with every call (kept in NVS).
    # fresh tells which it was; torn: one header is unreadable, so the last write was cut off, or its header was damaged since.
    # Raises ValueError when the port has too little RTC memory.
    def __init__(self, rtc, size, new_epoch):
        self._rtc = rtc
        self._buf = self._at = None
        self._size = size
        self._new_epoch = new_epoch
        self.fresh = not self._open(rtc.memory())
        if self.fresh:
            self.renew()
        elif size != len(self._buf):
            self._resize(size)

    # Takes over the newest valid header of `old`; False when there is none: another program's data, another format, noise,
    # nothing. Its size is the one the content was written with.
    def _open(self, old):
        self.torn = False
        if len(old) < _SMALLEST:
            return False
        best = -1
        room = len(old) - 2 * _HEADER
        for at in (room, room + _HEADER):
            form, gen, head, tail = unpack_from(">BBHH", old, at)
            if form == _FORMAT and head <= room and tail <= room and unpack_from(">I", old, at + _BODY)[0] == crc32(old[at : at + _BODY]):
                if best < 0 or (gen - self._gen) & 0x80 == 0:
                    best = at
                    self._gen = gen
            else:
                self.torn = True
        if best < 0:
            return False
        self._buffers(bytearray(old), best)
        t = unpack_from(_HOT, old, best)
        self.head, self.tail, self.head_seq, self.next_seq, self.head_t, self.birth_s, self.epoch, self.flags = t[2:]
        if self.head_t == _NEVER:
            self.head_t = -1
        self.safe = self.head
        self.safe_seq = self.head_seq
        return True

    # Begins anew, empty and in a new epoch: there is nothing to be read, or nothing that could be understood.
    def renew(self):
        self.fresh = True
        self.torn = False
        self._gen = self.head = self.tail = self.head_t = self.birth_s = self.flags = 0
        self.head_seq = self.next_seq = 1
        self.epoch = self._new_epoch()
        size = self._size
        while True:
            try:
                return self._lay_out(bytearray(size), bytearray(_HEADER))
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

    # Writes `buf` with both headers made from `work`; the block is `buf` from then on, unless that raises ValueError.
    def _lay_out(self, buf, work):
        before = self._buf, self._at
        at = len(buf) - _HEADER
        buf[at:] = work
        self._buffers(buf, at)
        work = self._work
        self._seal(work)
        buf[at - _HEADER : at] = buf[at:] = work
        try:
            self._rtc.memory(buf)
        except ValueError:
            if before[0]:
                self._buffers(*before)
            raise
        self.safe = self.head
        self.safe_seq = self.head_seq

    def _seal(self, work):
        gen = self._gen = (self._gen + 1) & 0xFF
        pack_into(_HOT, work, 0, _FORMAT, gen, self.head, self.tail, self.head_seq, self.next_seq, self.head_t & _NEVER, self.birth_s, self.epoch, self.flags)
        pack_into(">I", work, _BODY, crc32(self._body))

    # Firmware with another idea of the size: the log goes into a block of that size without being unreadable at any moment.
    # While the write is under way the old headers count, so nothing that they need may change: the log keeps its place. Where
    # it lies where the smaller block ends, it is first moved to the front. The old size stays while that cannot be done, and
    # where the two differ by too little for the new headers to lie clear of the old ones.
    def _resize(self, size):
        old = self._buf
        room = len(self.area)
        n = self.tail - self.head
        space = size - 2 * _HEADER
        # The new headers must not lie on the old ones, nor on the log.
        if room < size < len(old) + 2 * _HEADER or size < room and not 0 <= n <= space:
            return
        if size < room:
            if self.tail > space:
                if n > self.head:
                    if self.tail + n > room:
                        return
                    self._move(self.tail, n)
                self._move(0, n)
        new = bytearray(size)
        kept = min(space, len(old))
        new[:kept] = old[:kept]
        try:
            self._lay_out(new, bytes(self._work))
        except ValueError:  # there is no more RTC memory than the block has now
            return
        if size > room:
            new[room:kept] = bytes(kept - room)  # the old headers; in a log that wraps, 0 sends the reader to the front
            self.commit()

    def _move(self, to, n):
        self.area[to : to + n] = bytes(self.area[self.head : self.tail])
        self.commit()  # it is there, whatever becomes of the write that says so
        self.head = to
        self.tail = to + n
        self.commit()

    # Forgets what lies in the area, so that it can never be taken for something else.
    def wipe(self):
        self.area[:] = bytes(len(self.area))

    # Makes everything so far survive a reset: puts the next header over the older one and writes the block.
    # A torn write falls back to the header before, so between two commits only space may be used that is free under
    # that one as well: `safe` and `safe_seq` are its head.
    def commit(self):
        work = self._work
        buf = self._buf
        at = 2 * len(buf) - 3 * _HEADER - self._at  # the other one's place
        self._seal(work)
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
