# ring.py - the log of messages in the block: append, read in order, acknowledge in any order, survive damage.
# May import: salvage; the block and the topic table are handed in.   Time: stamps are handed in.   Blocks: never.
#
# A record: 1 byte form and topic slot | 1, 2 or 4 bytes of time | length, where the topic has no fixed size | payload |
# 4 bytes check. The check is crc32(record) + sequence * ODD, so it yields the sequence number: after damage salvage.py
# finds the next intact record byte by byte and still knows which one it is. Its top byte also says what became of it.
from binascii import crc32
from micropython import const
from struct import pack_into, unpack_from

_ODD = const(0x9E3779B1)
_ALL = const(0xFFFFFFFF)
_SHORTEST = const(6)  # a record is never shorter: form, time, check
_OVERHEAD = const(11)  # bytes of a record besides its payload, at most
_VARIES = const(255)  # in the table of sizes
_UNKNOWN = const(254)
# What became of a record is noted on the top byte of its check: one byte cannot be torn, and it takes four wrong bits to
# turn one fate into another. 0: waiting; these are added:
_RELEASED = const(0x0F)  # QoS 2: PUBREC came, PUBREL is owed
_DONE = const(0xF0)
_FATES = const(b"\x00\xf0\x0f\xff")


class Ring:
    # sizes: 64 bytes, for each topic slot the fixed size of its payloads, 255 for sizes that vary, 254 for no such slot.
    def __init__(self, block, sizes):
        self.block = block
        self.buf = block.area
        self._room = len(block.area)
        self.longest = self._room - _OVERHEAD  # bytes of payload that fit in when nothing else is kept
        self._sizes = sizes
        self._salt = block.epoch  # records of an earlier epoch never look valid
        self.last_t = block.head_t
        self.at = self.start = self.end = self.t = self.before = self.slot = self.number = self.fate = 0

    # Adds a record; the caller commits. Returns its sequence number (it begins at `at`), or 0 when there is no room.
    # slot: 1..63. t: stamp; where that is smaller than the one of the record before, that one's is used.
    def append(self, slot, payload, t):
        n = len(payload)
        fixed = self._sizes[slot]
        last = self.last_t
        t = max(t, last)
        width = 2 if t - last > 65535 or last < 0 else 1 if t - last > 255 else 0  # of the time
        head = 2 + width + (width >> 1)
        total = head + n + 4
        if fixed == _VARIES:
            total += 1 if n < 128 else 2
        at = self._place(total)
        if at < 0:
            return 0
        self.at = at
        buf = self.buf
        p = at + head
        pack_into((">BB", ">BH", ">BI")[width], buf, at, slot | width << 6, t & (255, 65535, -1)[width])
        if fixed == _VARIES:
            if n < 128:
                buf[p] = n
                p += 1
            else:
                pack_into(">H", buf, p, n | 0x8000)
                p += 2
        end = p + n
        buf[p:end] = payload
        block = self.block
        seq = block.next_seq
        pack_into(">I", buf, end, (crc32(buf[at:end], self._salt) + seq * _ODD) & _ALL)
        if block.head_seq == seq:
            block.head = at
        elif at == 0 and block.tail < self._room:
            buf[block.tail] = 0  # the rest up to the end of the area stays unused
        block.tail = end + 4
        block.next_seq = seq + 1
        self.last_t = t
        return seq

    # The offset where `total` bytes are free under both headers, or -1. Records are never split.
    def _place(self, total):
        block = self.block
        tail = block.tail
        safe = block.safe
        if block.safe_seq == block.next_seq:  # nothing is kept at all
            if self._room - tail >= total:
                return tail
            return 0 if self._room >= total else -1
        if tail > safe:
            if self._room - tail >= total:
                return tail
            return 0 if safe >= total else -1
        return tail if safe - tail >= total else -1

    # Looks for record number `seq` at offset `at`, or, when the log is damaged there, for the next intact one.
    # last: stamp of the record before. Returns the number found, 0 when there is none up to the end of the log.
    # (A number without a record is lawful too: recover.py says when.)
    # at (of the record), start and end (of its payload), slot and t (-1: not known) then describe it, until the next seek;
    # `before` is the stamp that its own counts from.
    def seek(self, at, seq, last):
        block = self.block
        if seq >= block.next_seq:
            return 0
        room = self._room
        # Where a record did not fit behind the one before, 0 stands and it is at the front.
        here = 0 if at + _SHORTEST > room or self.buf[at] == 0 else at
        if self.holds(here, seq):
            self.stamp(here, last)
            return seq
        from .salvage import search

        return search(self, at, seq, last)

    # Does record number `seq` lie intact at `at`? Sets at, start, end, slot and its fate, but not its stamp.
    def holds(self, at, seq):
        self.at = at
        crc = self.bounds(at)
        if crc < 0:
            return False
        fate = unpack_from(">I", self.buf, self.end)[0] ^ (crc + seq * _ODD) & _ALL
        if fate & 0xFFFFFF:
            return False
        self.fate = fate = fate >> 24
        return fate in _FATES

    # Finds start, end and slot of what might be a record at `at`; returns its CRC, -1 when it cannot be one.
    def bounds(self, at):
        if at + _SHORTEST > self._room:
            return -1
        buf = self.buf
        form = buf[at]
        slot = form & 63
        p = at + (2 if form < 0x40 else 3 if form < 0x80 else 5)
        n = self._sizes[slot]
        if slot == 0 or form >= 0xC0 or n == _UNKNOWN or p + 4 > self._room:
            return -1
        if n == _VARIES:
            n = buf[p]
            p += 1
            if n > 127:
                n = (n & 127) << 8 | buf[p]
                p += 1
        end = p + n
        if end + 4 > self._room:
            return -1
        self.slot = slot
        self.start = p
        self.end = end
        return crc32(buf[at:end], self._salt)

    # Works out the stamp of the record at `at`; last: that of the one before.
    def stamp(self, at, last):
        self.at = at
        self.before = last
        buf = self.buf
        form = buf[at]
        if form >= 0x80:
            self.t = unpack_from(">I", buf, at + 1)[0]
        elif last < 0:
            self.t = -1
        elif form < 0x40:
            self.t = last + (buf[at + 1] - last & 255)
        else:
            self.t = last + (unpack_from(">H", buf, at + 1)[0] - last & 65535)

    # Bytes of the area that the log takes.
    def used(self):
        block = self.block
        if block.head_seq == block.next_seq:
            return 0
        return (block.tail - block.head) % self._room or self._room

    # Notes for the record whose payload ends at `end` that it is _DONE (once), or _RELEASED (again: not released). The caller commits.
    def mark(self, end, fate):
        self.buf[end] ^= fate
