"""The wire between a twin's chip (MicroPython) and its parent (CPython): frames, and the names of what they carry.

A frame is a letter, a number (call or flow), a length and that many bytes. JSON where things have names, raw bytes where
there are many. Common subset of CPython and MicroPython; both ends use this file. Pure: bytes in, frames out.
"""

import json
from struct import pack, unpack_from

HEAD = 5                # bytes before the payload
PAYLOAD_MAX = 65535
PIECE = 256             # received bytes travel in frames of at most that: the chip's heap need not have room in one piece for more

# Chip to parent.
UART_OUT = b"u"         # bytes the UART sends
CALL = b"c"             # JSON [name, arguments...]; the number comes back with the RESULT
TELL = b"t"             # the same, without an answer
RTC_WRITE = b"m"        # new content of RTC memory; answered by RESULT once it is safe
NVS_BLOB = b"n"         # JSON [namespace, key], a line feed, the blob; answered by RESULT
FLOW_WRITE = b"w"       # bytes for the flow of that number
DATAGRAM_OUT = b"g"     # from the UDP socket of that number: address (4), port (2), bytes
LINE_OUT = b"s"         # bytes that the UART of that number sends
# Parent to chip.
LIFE = b"L"             # JSON, the first frame: what the chip has to know of the life that begins
UART_IN = b"U"
RESULT = b"R"           # JSON value of a CALL, or {"error": [kind, arguments]}
RESULT_BYTES = b"B"     # raw bytes as the value of a CALL
VIEW = b"V"             # JSON: the station's view has changed
LAN_VIEW = b"E"         # JSON: that of the Ethernet interface has
PPP_VIEW = b"P"         # JSON: that of the PPP interface has
LINE_IN = b"S"          # bytes on the line of the UART of that number
DATAGRAM_IN = b"G"      # for the UDP socket of that number: address (4), port (2), bytes
INCOMING = b"I"         # JSON [listener, ip, port]: somebody has connected; the number is that of the new flow
FLOW_DATA = b"D"        # bytes that arrived for the flow
FAULT = b"X"            # JSON [name, arguments...]: what is to go wrong in the chip's own half
FLOW_STATE = b"F"       # JSON [state, error, fin, bytes acknowledged in all]


def frame_head(kind, number, n):
    """What a frame with a payload of n bytes begins with. Raises ValueError when that is too long."""
    if n > PAYLOAD_MAX:
        raise ValueError("a frame of %d bytes" % n)
    return kind + pack(">HH", number, n)


def frame(kind, number, payload):
    """The bytes of one frame. Raises ValueError when the payload is too long."""
    return frame_head(kind, number, len(payload)) + payload


def frame_json(kind, number, value):
    return frame(kind, number, json.dumps(value).encode())


def head(buf):
    """(kind, number, payload's length) of the frame that buf begins with."""
    number, n = unpack_from(">HH", buf, 1)
    return bytes(buf[:1]), number, n


class Frames:
    """Puts frames together from whatever pieces arrive."""

    def __init__(self):
        self._buf = bytearray()

    def feed(self, data):
        """The frames completed by data: [(kind, number, payload bytes)], in order."""
        buf = self._buf
        buf.extend(data)
        found, at = [], 0
        while len(buf) - at >= HEAD:
            number, n = unpack_from(">HH", buf, at + 1)
            if len(buf) - at - HEAD < n:
                break
            found.append((bytes(buf[at:at + 1]), number, bytes(buf[at + HEAD:at + HEAD + n])))
            at += HEAD + n
        self._buf = bytearray(buf[at:])
        return found


def address(ip, port):
    """The six bytes of an address in a frame."""
    return bytes([int(n) for n in ip.split(".")]) + pack(">H", port)


def address_in(data):
    """(ip, port) that data begins with."""
    return "%d.%d.%d.%d" % tuple(data[:4]), unpack_from(">H", data, 4)[0]


ADDRESS = 6             # bytes of it
