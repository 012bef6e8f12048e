# transport_ws.py - MQTT over WebSocket (R22): RFC 6455 between the session and TCP or TLS. Loaded for brokers that want it.
# May import: errors, hashlib, binascii, os; the transport below is handed in.   Time: none.   Blocks: never.
#
# One write is one binary message; what arrives may be cut into frames and fragments anywhere, with control frames in between.
from binascii import b2a_base64
from hashlib import sha1
from micropython import const
from os import urandom

from .errors import Fault

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY = const(2)
_CLOSE = const(8)
_PING = const(9)
_PONG = const(10)
_LINE_MAX = const(160)  # bytes of a line of the answer to the upgrade that are looked at
_LINES_MAX = const(60)
_PIECE = const(512)  # bytes of one message out
_MASK_PIECE = const(128)
# HTTP status -> kind of fault; behind a proxy 502 to 504 mean that the broker is not there.
_STATUS = {b"401": "auth", b"403": "auth", b"404": "rejected", b"502": "refused", b"503": "refused", b"504": "refused"}


# Puts data XOR key, key repeated, into out at `at`: by whole numbers, which is twenty times as fast as byte by byte.
def mask(out, at, data, key):
    keys = key * (_MASK_PIECE // 4)
    for i in range(0, len(data), _MASK_PIECE):
        piece = data[i : i + _MASK_PIECE]
        n = len(piece)
        out[at + i : at + i + n] = (int.from_bytes(piece, "little") ^ int.from_bytes(keys[:n], "little")).to_bytes(n, "little")


class WebSocket:
    # line: the transport below. broker: checked settings (host, port, path).
    def __init__(self, line, broker):
        self._line = line
        self._broker = broker

    @property
    def sock(self):
        return self._line.sock

    def dial(self, address):
        self._line.dial(address)

    def close(self):
        self._line.close()

    # Begins the upgrade.
    def secure(self):
        self._line.secure()
        self._key = b2a_base64(urandom(16)).strip()
        b = self._broker
        self._out = (
            "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: %s\r\n\r\n" % (b["path"], b["host"], b["port"], str(self._key, "utf-8"))
        ).encode()
        self._buf = bytearray(_PIECE + 8)
        self._accepted = None  # of the answer: was it to our key? None: no line has come yet
        self._answer = bytearray()  # the line of the answer that is coming in; None: the upgrade is done
        self._head = bytearray()  # of a frame, as far as it has come
        self._lines = 0  # of the answer
        self._left = 0  # bytes of the frame's payload still to come
        self._op = 0  # of the frame
        self._message = False  # in the midst of a fragmented message
        self._control = b""  # payload of a control frame
        self._over = None  # the server has said so; what came before is handed over first
        self.sent()

    # True when nothing that write() has taken waits for room; sends what it can. Raises Fault.
    def sent(self):
        while self._out:
            n = self._line.write(self._out)
            if n < 1:
                return n < 0
            self._out = self._out[n:]
        return True

    # Nothing before the answer (RFC 6455 section 4.1).
    def write(self, data):
        if self._answer is not None:
            return -1
        if not self.sent():
            return 0
        data = data[:_PIECE]
        self._put(_BINARY, data)
        self.sent()
        return len(data)

    # Makes a frame what goes out next. Clients mask (section 5.3), with a key that nobody can foresee.
    def _put(self, op, data):
        n = len(data)
        buf = self._buf
        buf[0] = 0x80 | op
        at = 2
        if n < 126:
            buf[1] = 0x80 | n
        else:
            buf[1] = 0xFE
            buf[2] = n >> 8
            buf[3] = n & 255
            at = 4
        key = urandom(4)
        buf[at : at + 4] = key
        mask(buf, at + 4, data, key)
        self._out = memoryview(buf)[: at + 4 + n]

    def read(self, buf, opening):
        if opening:
            return self._line.read(buf, True)
        view = memoryview(buf)
        done = 0
        while done < len(view) and not self._over:
            room = view[done:]
            try:
                n = self._line.read(room, False)
            except Fault:
                if done:
                    break  # what has come comes first
                raise
            if n:
                done += self._take(room, n)
            if n < len(room):
                break
        if self._over and not done:
            raise self._over
        return done

    # n raw bytes lie in buf: moves the messages' bytes among them to its front and returns how many there are.
    def _take(self, buf, n):
        at = 0
        if self._answer is not None:
            at = self._answered(buf, n)
        out = 0
        while at < n and not self._over:
            if self._left:
                take = min(self._left, n - at)
                if self._op >= _CLOSE:
                    self._control += bytes(buf[at : at + take])
                else:
                    buf[out : out + take] = buf[at : at + take]
                    out += take
                self._left -= take
                at += take
                if not self._left:
                    self._ended()
            else:
                self._head.append(buf[at])
                at += 1
                self._headed()
        return out

    # The bytes of a frame's header that there are: is it complete?
    def _headed(self):
        head = self._head
        if len(head) < 2:
            return
        size = head[1]
        more = 2 if size == 126 else 8 if size == 127 else 0
        if len(head) < 2 + more:
            return
        op = head[0] & 15
        final = head[0] & 0x80
        if head[0] & 0x70 or size & 0x80:
            raise Fault("protocol", "WebSocket: reserved bits, or a mask from the server")
        if op >= _CLOSE:
            if size > 125 or not final or op > _PONG:
                raise Fault("protocol", "WebSocket: control frame %02x of %d bytes" % (head[0], size))
        elif op != (0 if self._message else _BINARY):
            raise Fault("protocol", "WebSocket: opcode %d" % op)
        else:
            self._message = not final
        if more:
            size = 0
            for b in head[2:]:
                size = size << 8 | b
        self._op = op
        self._left = size
        self._head = bytearray()
        if not size:
            self._ended()

    # A frame is complete.
    def _ended(self):
        data = self._control
        self._control = b""
        if self._op == _PING:
            self._answer_control(_PONG, data)
        elif self._op == _CLOSE:
            self._answer_control(_CLOSE, data[:2])
            self._over = Fault("closed", "WebSocket: close %s" % (data[0] << 8 | data[1] if len(data) > 1 else ""))

    # A PONG that finds no room is left out: the next PING will do (section 5.5.3).
    def _answer_control(self, op, data):
        if self.sent():
            self._put(op, data)
            self.sent()

    # The server's answer to the upgrade, line by line; returns how many of the n bytes belong to it.
    def _answered(self, buf, n):
        line = self._answer
        for i in range(n):
            if buf[i] != 10:
                if len(line) < _LINE_MAX:
                    line.append(buf[i])
                continue
            text = bytes(line).strip()
            line = self._answer = bytearray()
            self._lines += 1
            if self._accepted is None:
                self._status(text)
            elif not text:
                if not self._accepted:
                    raise Fault("protocol", "WebSocket: the answer is not to our key")
                self._answer = None
                return i + 1
            elif self._lines > _LINES_MAX:
                raise Fault("protocol", "WebSocket: an answer without end")
            else:
                name, _, value = text.partition(b":")
                if name.lower() == b"sec-websocket-accept":
                    self._accepted = value.strip() == b2a_base64(sha1(self._key + _GUID).digest()).strip()
        if len(line) == _LINE_MAX and self._accepted is None:
            raise Fault("protocol", "WebSocket: not HTTP")
        return n

    def _status(self, text):
        words = text.split(b" ")
        if len(words) < 2 or words[0][:5] != b"HTTP/":
            raise Fault("protocol", "WebSocket: not HTTP: %r" % text[:40])
        if words[1] != b"101":
            raise Fault(_STATUS.get(words[1], "protocol"), "WebSocket: HTTP %s" % str(b" ".join(words[1:]), "utf-8"))
        self._accepted = False
