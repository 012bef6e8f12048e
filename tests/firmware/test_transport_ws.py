# MQTT over WebSocket (R22): what RFC 6455 demands of a client, and whatever a server or a proxy may do with frames.
import gc
from binascii import b2a_base64, unhexlify
from hashlib import sha1
from random import choice, getrandbits, randrange, seed
from struct import pack

from holdfast.errors import Fault
from holdfast.transport_ws import WebSocket, mask


# The transport below: hands out what it is told to, keeps what is written; takes `room` bytes at a time.
class Line:
    def __init__(self):
        self.inbox = b""
        self.wrote = b""
        self.room = 100000
        self.sock = self

    def dial(self, address):
        pass

    def secure(self):
        pass

    def close(self):
        self.sock = None

    def read(self, buf, opening):
        n = min(len(buf), len(self.inbox))
        buf[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, data):
        n = min(len(data), self.room)
        self.room -= n
        self.wrote += bytes(data[:n])
        return n


def opened(status="101 Switching Protocols", key=None, **more):
    line = Line()
    ws = WebSocket(line, {"host": "broker.test", "port": 8083, "path": "/mqtt"})
    ws.secure()
    request = line.wrote
    line.wrote = b""
    sent = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    accept = b2a_base64(sha1((key or sent) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).strip()
    answer = b"HTTP/1.1 %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nsec-websocket-accept: %s\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n" % (status.encode(), accept)
    return ws, line, request, answer


def upgraded():
    ws, line, _, answer = opened()
    line.inbox = answer
    assert ws.read(bytearray(256), False) == 0
    return ws, line


def frame(op, payload, final=True):
    n = len(payload)
    head = bytes((op | (0x80 if final else 0),))
    return head + (bytes((n,)) if n < 126 else b"\x7e" + pack(">H", n) if n < 65536 else b"\x7f" + pack(">Q", n)) + payload


# The frames a client has sent: (final, opcode, payload). Each must be masked.
def unframed(data):
    found = []
    while data:
        assert data[1] & 0x80, "not masked"
        n = data[1] & 127
        at = 2
        if n == 126:
            n = data[2] << 8 | data[3]
            at = 4
        key = data[at : at + 4]
        payload = bytes([data[at + 4 + i] ^ key[i & 3] for i in range(n)])
        found.append((data[0] >> 7, data[0] & 15, payload))
        data = data[at + 4 + n :]
    return found


def everything(ws, size=256):
    buf = bytearray(size)
    found = b""
    while True:
        n = ws.read(buf, False)
        if not n:
            return found
        found += bytes(buf[:n])


def fault(call, *args):
    try:
        call(*args)
    except Fault as e:
        return e.args[0]
    return None


def test_the_request_is_what_rfc_6455_and_mqtt_ask_for():
    _, _, request, _ = opened()
    lines = request.split(b"\r\n")
    assert lines[0] == b"GET /mqtt HTTP/1.1" and lines[-2:] == [b"", b""]
    for wanted in (b"Host: broker.test:8083", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Protocol: mqtt"):
        assert wanted in lines
    assert opened()[2] != request, "each request has a key of its own"


def test_nothing_is_sent_before_the_answer_and_everything_after_it():
    ws, line, _, answer = opened()
    assert ws.write(b"CONNECT") == -1
    assert line.wrote == b"" and ws.sent()
    buf = bytearray(64)
    for i in range(0, len(answer), 5):  # in any pieces
        line.inbox = answer[i : i + 5]
        ws.read(buf, False)
    assert unframed(line.wrote) == []
    assert ws.write(b"CONNECT") == 7 and unframed(line.wrote) == [(1, 2, b"CONNECT")]


def test_what_comes_right_behind_the_answer_is_not_lost():
    ws, line, _, answer = opened()
    line.inbox = answer + frame(2, b"CONNACK")
    assert everything(ws) == b"CONNACK"


def test_a_refusal_says_what_it_is():
    for status, kind in (("401 Unauthorized", "auth"), ("403 Forbidden", "auth"), ("404 Not Found", "rejected"), ("502 Bad Gateway", "refused"),
                         ("503 Busy", "refused"), ("200 OK", "protocol"), ("301 Moved", "protocol")):
        ws, line, _, answer = opened(status)
        line.inbox = answer
        assert fault(ws.read, bytearray(512), False) == kind, status


def test_an_answer_to_somebody_elses_key_is_refused():
    ws, line, _, answer = opened(key=b"dGhlIHNhbXBsZSBub25jZQ==")
    line.inbox = answer
    assert fault(ws.read, bytearray(512), False) == "protocol"


def test_what_is_no_http_or_has_no_end_is_refused():
    for junk in (b"\x20\x02\x00\x00" * 3 + b"\r\n\r\n", b"HTTP/1.1 101 x\r\n" + b"x: y\r\n" * 100, b"y" * 500):
        ws, line, _, _ = opened()
        line.inbox = junk
        assert fault(everything, ws) == "protocol"


def test_masking_is_xor_with_the_key():
    def masked(data, key):
        out = bytearray(len(data) + 2)
        mask(out, 1, data, key)
        assert out[0] == out[-1] == 0
        return out[1:-1]

    # RFC 6455 section 5.7: a masked "Hello"
    assert bytes(masked(b"Hello", unhexlify("37fa213d"))) == unhexlify("7f9f4d5158")
    for n in (0, 1, 3, 4, 127, 128, 129, 500):
        data = bytes([getrandbits(8) for _ in range(n)])
        key = b"\x00\x7f\x80\xff"
        assert bytes(masked(data, key)) == bytes([data[i] ^ key[i & 3] for i in range(n)])


def test_long_data_goes_in_messages_of_a_bounded_size_with_fresh_masks():
    ws, line = upgraded()
    data = memoryview(bytes([i & 255 for i in range(1500)]))
    at = 0
    while at < 1500:
        at += ws.write(data[at:])
    frames = unframed(line.wrote)
    assert b"".join([payload for _, _, payload in frames]) == bytes(data)
    assert all([(final, op) == (1, 2) and len(payload) <= 512 for final, op, payload in frames])
    keys = [line.wrote[4:8], line.wrote[4 + 8 + 512 : 8 + 8 + 512]]
    assert keys[0] != keys[1]


def test_a_socket_without_room_cuts_no_frame():
    ws, line = upgraded()
    line.room = 5
    assert ws.write(b"0123456789") == 10
    assert not ws.sent() and ws.write(b"next") == 0
    line.room = 3
    assert not ws.sent()
    line.room = 1000
    assert ws.sent() and ws.write(b"next") == 4
    assert unframed(line.wrote) == [(1, 2, b"0123456789"), (1, 2, b"next")]


def test_fragments_and_control_frames_in_between():
    ws, line = upgraded()
    line.inbox = frame(2, b"one ", False) + frame(9, b"are you there?") + frame(0, b"two ", False) + frame(10, b"") + frame(0, b"three")
    assert everything(ws) == b"one two three"
    assert unframed(line.wrote) == [(1, 10, b"are you there?")]


def test_any_length_and_any_split():
    seed(6455)
    for _ in range(60):
        ws, line = upgraded()
        stream = b""
        wanted = b""
        while len(stream) < 600:
            payload = bytes([getrandbits(8) for _ in range(choice((0, 1, 5, 125, 126, 200)))])
            if randrange(3):
                stream += frame(2, payload)
                wanted += payload
            else:
                stream += frame(choice((9, 10)), payload[:125])
        found = b""
        at = 0
        while at < len(stream):
            n = randrange(1, 90)
            line.inbox += stream[at : at + n]
            at += n
            found += everything(ws, randrange(1, 70))
        assert found == wanted


def test_a_message_of_70000_bytes_passes_without_being_held():
    ws, line = upgraded()
    gc.collect()
    line.inbox = frame(2, b"")[:1] + b"\x7f" + pack(">Q", 70000)
    buf = bytearray(256)
    n = 0
    while n < 70000:
        line.inbox += b"x" * 250
        while line.inbox:
            n += ws.read(buf, False)
            if n >= 70000:
                break
    assert ws._left == 0


def test_what_a_server_must_not_do_ends_the_connection():
    for bad in (b"\x82\x85\1\2\3\4hello", frame(1, b"text"), frame(0, b"nothing to continue"), frame(2, b"a", False) + frame(2, b"b"),
                b"\xc2\x01x", frame(9, b"x" * 126), b"\x09\x01x", frame(11, b"")):
        ws, line = upgraded()
        line.inbox = bad
        assert fault(everything, ws) == "protocol", bad


def test_a_close_is_answered_and_ends_it():
    ws, line = upgraded()
    line.inbox = frame(2, b"last words") + frame(8, pack(">H", 1001) + b"going away")
    buf = bytearray(64)
    assert ws.read(buf, False) == 10 and buf[:10] == b"last words"
    assert fault(everything, ws) == "closed"
    assert unframed(line.wrote) == [(1, 8, pack(">H", 1001))]
