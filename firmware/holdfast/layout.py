# layout.py - how a block begins: found in RTC memory, formatted anew, or moved into one of another size.
# May import: binascii, struct; the block is handed in.   Time: none.   Blocks: for a few writes of the block.
# Needed once in a life: Node forgets it afterwards.
from binascii import crc32
from micropython import const
from struct import unpack_from

_FORMAT = const(0x81)  # as in block.py
_HEADER = const(120)
_BODY = const(116)
_NEVER = const(0xFFFFFFFF)
_HOT = const(">BBHHIIIiIB")
_SMALLEST = const(512)  # a block smaller than this is not worth formatting


# Makes `block` ready: what lies in RTC memory, when that can be read, else an empty log in a new epoch. Returns whether it is a new
# one, and whether one header is unreadable. Raises ValueError when the port has too little RTC memory.
def begin(block, size, new_epoch):
    found = _open(block, block.rtc.memory())
    if found is None:
        _format(block, size, new_epoch())
        return True, False
    if size != len(block.buf):
        _resize(block, size)
    return False, found


# Takes over the newest valid header of `old`; None when there is none: another program's data, another format, noise, nothing.
# Its size is the one the content was written with. Returns whether the other header is unreadable.
def _open(block, old):
    if len(old) < _SMALLEST:
        return None
    best = -1
    torn = False
    room = len(old) - 2 * _HEADER
    for at in (room, room + _HEADER):
        form, gen, head, tail = unpack_from(">BBHH", old, at)
        if form == _FORMAT and head <= room and tail <= room and unpack_from(">I", old, at + _BODY)[0] == crc32(old[at : at + _BODY]):
            if best < 0 or (gen - block.gen) & 0x80 == 0:
                best = at
                block.gen = gen
        else:
            torn = True
    if best < 0:
        return None
    block.use(bytearray(old), best)
    t = unpack_from(_HOT, old, best)
    block.head, block.tail, block.head_seq, block.next_seq, block.head_t, block.birth_s, block.epoch, block.flags = t[2:]
    if block.head_t == _NEVER:
        block.head_t = -1
    block.safe = block.head
    block.safe_seq = block.head_seq
    return torn


# Begins anew, empty: there is nothing to be read, or nothing that could be understood.
def _format(block, size, epoch):
    block.gen = block.head = block.tail = block.head_t = block.birth_s = block.flags = 0
    block.head_seq = block.next_seq = 1
    block.epoch = epoch
    while True:
        try:
            return _lay_out(block, bytearray(size), bytearray(_HEADER))
        except ValueError:  # a build with less RTC memory than configured
            size //= 2
            if size < _SMALLEST:
                raise


# Writes `buf` with both headers made from `work`; the block is `buf` from then on.
def _lay_out(block, buf, work):
    at = len(buf) - _HEADER
    buf[at:] = work
    block.use(buf, at)
    block.seal()
    buf[at - _HEADER : at] = buf[at:] = block.work
    block.rtc.memory(buf)
    block.safe = block.head
    block.safe_seq = block.head_seq


# Firmware with another idea of the size: the log goes into a block of that size without being unreadable at any moment.
# While the write is under way the old headers count, so nothing that they need may change: the log keeps its place. Where
# it lies where the smaller block ends, it is first moved to the front. The old size stays while that cannot be done, and
# where the two differ by too little for the new headers to lie clear of the old ones.
def _resize(block, size):
    old = block.buf
    at = block.at
    room = len(block.area)
    n = block.tail - block.head
    space = size - 2 * _HEADER
    # The new headers must not lie on the old ones, nor on the log.
    if room < size < len(old) + 2 * _HEADER or size < room and not 0 <= n <= space:
        return
    if size < room and block.tail > space:
        if n > block.head:
            if block.tail + n > room:
                return
            _move(block, block.tail, n)
        _move(block, 0, n)
        at = block.at
    new = bytearray(size)
    kept = min(space, len(old))
    new[:kept] = old[:kept]
    try:
        _lay_out(block, new, block.work)
    except ValueError:  # there is no more RTC memory than the block has now
        return block.use(old, at)
    if size > room:
        new[room:kept] = bytes(kept - room)  # the old headers; in a log that wraps, 0 sends the reader to the front
        block.commit()


def _move(block, to, n):
    block.area[to : to + n] = bytes(block.area[block.head : block.tail])
    block.commit()  # it is there, whatever becomes of the write that says so
    block.head = to
    block.tail = to + n
    block.commit()
