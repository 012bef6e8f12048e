# segment.py - a file of the spool: a stretch of the ring as it lay, with the table of topics it refers to.
# May import: topics; ring is what reads its records.   Time: stamps.   Blocks: reading 5-20 ms, writing 50-250 ms (flash is erased).
# The layout is docs/rtc-format.md.
from binascii import crc32
from micropython import const
from struct import pack, unpack

from .topics import Table

_FORMAT = const(0xC1)
# format, flags, bytes of topics, of records, messages that wait, epoch, number of the first, of the next, stamp before the first,
# birth_s, running total of messages, CRC of the records
_HEAD = ">BBHHHIIIIiII"
_HEAD_SIZE = const(40)  # with the CRC over it and the topics behind it
SET = const(1)  # flags: the clock was set; the seven bits above that: session
SESSION = const(38)  # in the resume record: broker in use (3 bits), sessions that began anew (4 bits)
_NEVER = const(0xFFFFFFFF)  # in place of a stamp that is not known


# The log in it, with what Ring wants of a block.
class Segment:
    torn = False

    # f: the file. Raises ValueError when head or topics are damaged; damaged records are found out by whoever reads them.
    def __init__(self, f):
        head = f.read(_HEAD_SIZE)
        if len(head) < _HEAD_SIZE or head[0] != _FORMAT:
            raise ValueError("no segment")
        _, self.flags, n, size, self.count, self.epoch, self.first, self.next_seq, t, self.birth_s, self.total, check = unpack(_HEAD, head[:-4])
        blob = f.read(n)
        if crc32(blob, crc32(head[:-4])) != unpack(">I", head[-4:])[0]:
            raise ValueError("damaged segment")
        self.table = Table()
        self.table.read(blob)
        self.session = self.flags >> 1
        data = bytearray(size)
        self.tail = f.readinto(data)
        self.whole = self.tail == size and crc32(data) == check
        self.area = memoryview(data)
        self.head = 0
        self.head_seq = self.first
        self.head_t = -1 if t == _NEVER else t


# Writes the log of `block`, n messages of which wait, to the file `path`. wrap: where it goes on at the front of the area, 0: it does not.
# blob: the table of topics. total: messages that went to flash before these. Raises OSError.
def write(path, block, wrap, blob, n, total):
    area = block.area
    pieces = (area[block.head : wrap], area[: block.tail]) if wrap else (area[block.head : block.tail],)
    size = check = 0
    for piece in pieces:
        size += len(piece)
        check = crc32(piece, check)
    head = pack(_HEAD, _FORMAT, block.flags & SET | block.peek(SESSION, "B")[0] << 1, len(blob), size, n, block.epoch, block.head_seq, block.next_seq, block.head_t & _NEVER,
        block.birth_s, total + n & _NEVER, check)
    with open(path, "wb") as f:
        f.write(head)
        f.write(pack(">I", crc32(blob, crc32(head))))
        f.write(blob)
        for piece in pieces:
            f.write(piece)
