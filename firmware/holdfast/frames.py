# frames.py - binary frames on a stream, in a datagram or in a message (R33). docs/frames.md is the specification.
# May import: binascii, struct.   Time: none.   Blocks: never. What arrives is judged, never trusted.
#
# Device and host use this very file: it keeps to the common subset of MicroPython and CPython.
from binascii import crc32
from struct import pack, pack_into, unpack_from

MAGIC = b"\xf5H"
VERSION = 1
HEAD = 12  # bytes before the payload: magic, version, kind, length, sequence, check of the header
OVERHEAD = 16  # and the check behind it
LENGTH_MAX = 65535

# Kinds.
MESSAGE = 1
ACK = 2
HELLO = 3
WELCOME = 4
PING = 5
PONG = 6
SUBSCRIBE = 7
BYE = 8
SUBSCRIBED = 9

# Flags of a MESSAGE: bits 0-1 the QoS.
RETAIN = 4
DUP = 8
NUMBERED = 16  # the number follows the topic; without it a message between node and gateway is bare
PACKED = 32  # the number of the schema follows

_HEAD = ">2sBBHI"
_BODY = ">BIHIB"  # of a MESSAGE: flags, boot epoch, time (upper and lower part), length of the topic
_BODY_SIZE = 12


# Puts a frame into buf at `at`, its payload being there already (at + HEAD). Returns the frame's end. The caller sees to it that
# there is room for length + OVERHEAD.
def seal(buf, at, kind, seq, length, salt=0):
    view = memoryview(buf)
    pack_into(_HEAD, buf, at, MAGIC, VERSION, kind, length, seq)
    pack_into(">H", buf, at + 10, crc32(view[at : at + 10], salt) & 0xFFFF)
    end = at + HEAD + length
    pack_into(">I", buf, end, crc32(view[at:end], salt))
    return end + 4


# A frame as bytes. Raises ValueError for a payload beyond 65535 bytes.
def encode(kind, seq, payload=b"", salt=0):
    n = len(payload)
    if n > LENGTH_MAX:
        raise ValueError("payload of %d bytes: at most %d" % (n, LENGTH_MAX))
    buf = bytearray(n + OVERHEAD)
    buf[HEAD : HEAD + n] = payload
    seal(buf, 0, kind, seq, n, salt)
    return bytes(buf)


# The payload of a MESSAGE. epoch: boot epoch of the sender. t: ms since 1970, 0 when unknown. topic: bytes, at most 255.
def message(flags, epoch, t, topic, payload, schema=0, number=0):
    if schema:
        flags |= PACKED
        payload = bytes((schema,)) + payload
    if number:
        flags |= NUMBERED
        payload = pack(">I", number) + payload
    return pack(_BODY, flags, epoch, t >> 32, t & 0xFFFFFFFF, len(topic)) + topic + payload


# (flags, epoch, t, topic, payload, schema, number - 0: none) of a MESSAGE's payload. Raises ValueError when it is none.
def open_message(body):
    if len(body) < _BODY_SIZE:
        raise ValueError("message of %d bytes" % len(body))
    flags, epoch, high, low, n = unpack_from(_BODY, body, 0)
    end = _BODY_SIZE + n
    if len(body) < end:
        raise ValueError("message cut off in its topic")
    schema = number = 0
    topic = bytes(body[_BODY_SIZE:end])
    if len(body) < end + (4 if flags & NUMBERED else 0) + (1 if flags & PACKED else 0):
        raise ValueError("message cut off in its number")
    if flags & NUMBERED:
        number = unpack_from(">I", body, end)[0]
        end += 4
    if flags & PACKED:
        schema = body[end]
        end += 1
    return flags & 15, epoch, high << 32 | low, topic, bytes(body[end:]), schema, number


# The envelope "frame": what a message carries as its MQTT payload (as envelope.wrap; t is text, "null" when unknown). Bytes.
def wrap(seq, epoch, t, payload, schema=0):
    return encode(MESSAGE, seq, message(0, epoch, 0 if t == "null" else int(t), b"", payload, schema))


# Takes bytes as they come, in any pieces, and calls take(kind, sequence, payload) for each intact frame. The payload is a
# memoryview, valid during the call only. Everything that is no frame is skipped.
class Decoder:
    # limit: longest payload taken; a longer frame is skipped. salt: what the peer's checks begin with.
    def __init__(self, take, limit=1024, salt=0):
        self._take = take
        self._limit = limit
        self.salt = salt
        self._buf = bytearray(limit + OVERHEAD)
        self._view = memoryview(self._buf)
        self.waiting = 0  # bytes of a frame that is not complete
        self.skipped = 0  # bytes that belonged to no frame
        self.too_long = 0  # headers that announced more than the limit

    # n bytes of data have arrived.
    def feed(self, data, n=None):
        view = memoryview(data)
        if n is None:
            n = len(view)
        at = 0
        while at < n:
            have = self.waiting
            take = min(n - at, len(self._buf) - have)
            self._buf[have : have + take] = view[at : at + take]
            self.waiting = have + take
            at += take
            self._scan(False)

    # Nothing more belongs to what has arrived: the line has been silent, or the connection has ended. A frame that is
    # incomplete now stays so; frames that lie behind its beginning are found.
    def flush(self):
        self._scan(True)

    # The buffer holds the longest frame, so when it is full its beginning is a complete frame or none: no stall.
    def _scan(self, final):
        buf = self._buf
        end = self.waiting
        at = 0
        try:
            while at < end:
                start = buf.find(MAGIC, at, end)
                if start < 0:
                    start = end if final or buf[end - 1] != 0xF5 else end - 1
                self.skipped += start - at
                at = start
                size = self._size(at, end)
                if size > end - at and not final:
                    break
                if size and size <= end - at and self._intact(at, size):
                    begin = at + HEAD
                    at += size
                    self._take(buf[begin - 9], unpack_from(">I", buf, begin - 6)[0], self._view[begin : at - 4])
                elif at < end:
                    at += 1
                    self.skipped += 1
        finally:
            left = end - at
            if at and left:
                buf[:left] = self._view[at:end]
            self.waiting = left

    # Size of the frame that begins at `at`: 0 when none does; more than there is as long as that is open.
    def _size(self, at, end):
        if end - at < HEAD:
            return HEAD + OVERHEAD
        buf = self._buf
        if buf[at + 2] != VERSION or unpack_from(">H", buf, at + 10)[0] != crc32(self._view[at : at + 10], self.salt) & 0xFFFF:
            return 0
        n = unpack_from(">H", buf, at + 4)[0]
        if n > self._limit:
            self.too_long += 1
            return 0
        return n + OVERHEAD

    def _intact(self, at, size):
        end = at + size - 4
        return unpack_from(">I", self._buf, end)[0] == crc32(self._view[at:end], self.salt)
