# packets.py - MQTT 3.1.1 on the wire: packets into one output buffer, and out of bytes that arrive in any pieces.
# May import: errors.   Time: none.   Blocks: never. What a peer sends is judged, never asserted.
from micropython import const
from struct import pack_into

from .errors import Fault

_PUBACK = const(0x40)
_PUBREL = const(0x60)
_LONGEST = const(1048576)  # bytes of a packet that is put up with


# The output buffer: everything is put together here and written to the transport in one piece. It offers what
# umqtt.simple uses of a socket.
class Out:
    def __init__(self, size):
        self.buf = bytearray(size)
        self._view = memoryview(self.buf)
        self.clear()

    def clear(self):
        self.start = self.end = 0

    def room(self):
        return len(self.buf) - self.end

    # What is still to be written.
    def pending(self):
        return self._view[self.start : self.end]

    # n bytes of it have been written.
    def wrote(self, n):
        self.start += n
        if self.start == self.end:
            self.clear()

    def write(self, data, n=None):
        if n is None:
            n = len(data)
        end = self.end + n
        self.buf[self.end : end] = data if n == len(data) else data[:n]
        self.end = end
        return n

    def close(self):
        pass

    # Fixed header: first byte and remaining length.
    def head(self, op, n):
        buf = self.buf
        at = self.end
        buf[at] = op
        at += 1
        while n > 127:
            buf[at] = n & 127 | 128
            n >>= 7
            at += 1
        buf[at] = n
        self.end = at + 1

    def u16(self, n):
        pack_into(">H", self.buf, self.end, n)
        self.end += 2

    # A string of MQTT: length and bytes.
    def string(self, data):
        self.u16(len(data))
        self.write(data)

    # PUBACK, PUBREC, PUBREL, PUBCOMP.
    def answer(self, op, pid):
        self.head(op | 2 if op == _PUBREL else op, 2)
        self.u16(pid)


# Takes bytes as they come and calls packet(first byte, body, length): length is larger than len(body) for a packet that
# is over the limit: what did not fit has been skipped. The body is only valid during the call.
class Parser:
    # puback(packet id): a PUBACK that arrived in one piece, by far the most frequent packet, without ceremony.
    # limit: bytes of a body kept.
    def __init__(self, packet, puback, limit):
        self._packet = packet
        self._puback = puback
        self._limit = limit
        self._op = 0  # 0: between packets
        self._body = None  # None: the length is not complete

    # Raises Fault("protocol") on what no packet can be; the connection is then of no use.
    def feed(self, data, n):
        i = 0
        while i < n:
            if not self._op:
                op = data[i]
                if op == _PUBACK and n - i > 3 and data[i + 1] == 2:
                    self._puback(data[i + 2] << 8 | data[i + 3])
                    i += 4
                    continue
                i += 1
                if not 0x10 < op < 0xF0:
                    raise Fault("protocol", "packet 0x%02x" % op)
                self._op = op
                self._length = self._shift = 0
                self._body = None
            elif self._body is None:
                b = data[i]
                i += 1
                self._length |= (b & 127) << self._shift
                self._shift += 7
                if b & 128:
                    if self._shift > 21:
                        raise Fault("protocol", "bad length")
                    continue
                if self._length > _LONGEST:
                    raise Fault("protocol", "packet of %d bytes" % self._length)
                self._body = bytearray(min(self._length, self._limit))
                self._have = 0
                if not self._length:
                    self._done()
            else:
                body = self._body
                have = self._have
                take = min(n - i, self._length - have)
                keep = min(take, len(body) - have)
                if keep > 0:
                    body[have : have + keep] = data[i : i + keep]
                i += take
                self._have = have = have + take
                if have == self._length:
                    self._done()

    def _done(self):
        op = self._op
        self._op = 0
        self._packet(op, self._body, self._length)
