# salvage.py - finds the next intact record of a log that is damaged, or has numbers without a record, byte by byte.
# May import: struct; the ring is handed in.   Time: none.   Blocks: up to 20 ms.
# Loaded when there is such a place.
from micropython import const
from struct import unpack_from

_ODD_INVERSE = const(0x0E8B2F51)  # times _ODD of ring.py: 1 modulo 2**32
_ALL = const(0xFFFFFFFF)
_SHORTEST = const(6)  # as in ring.py
_FATES = const(b"\x00\xf0\x0f\xff")
_NEVER_WERE = const(8)  # numbers in a row that no message got, at most: one for each start after a write that was cut off (recover.py)


# What Ring.seek() does where no record number `seq` lies at `at`.
def search(ring, at, seq, last):
    block = ring.block
    room = len(ring.buf)
    if at == room:
        at = 0
    left = (block.tail - at) % room or room
    gone = _NEVER_WERE * _SHORTEST
    while left >= _SHORTEST:
        # No more records can be gone than had room, but for numbers without one, and none lies beyond the end.
        if numbered(ring, at, seq, min(block.next_seq, seq + gone // _SHORTEST + 1)) and ring.end + 4 - at <= left:
            found = ring.number
            # Its stamp counts from that of the record before; without that one it says nothing.
            ring.stamp(at, last if found == seq else -1)
            return found
        at += 1
        gone += 1
        left -= 1
        if at == room:
            at = 0
    return 0


# Has the record at `at`, by its check and whatever its fate, a number from `low` to below `high`? ring.number then is it.
def numbered(ring, at, low, high):
    crc = ring.bounds(at)
    if crc >= 0:
        check = unpack_from(">I", ring.buf, ring.end)[0]
        for fate in _FATES:
            seq = ((check ^ fate << 24) - crc) * _ODD_INVERSE & _ALL
            if low <= seq < high:
                ring.fate = fate
                ring.number = seq
                return True
    return False
