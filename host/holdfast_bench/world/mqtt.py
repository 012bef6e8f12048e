"""MQTT 3.1.1 on the wire, the broker's half: packet types, encoding, topic names and topic filters.

Knows bytes only: no connection, no session, no time. Common subset of CPython and MicroPython.
"""

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = 1, 2, 3, 4, 5, 6, 7, 8
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 9, 10, 11, 12, 13, 14
NAMES = ("reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe",
         "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "reserved")

# CONNACK return codes (section 3.2.2.3)
ACCEPTED, BAD_PROTOCOL, ID_REFUSED, UNAVAILABLE, BAD_LOGIN, NOT_AUTHORISED = 0, 1, 2, 3, 4, 5

PING_ANSWER = b"\xd0\x00"


class Malformed(Exception):
    """The peer sent what MQTT 3.1.1 forbids; its connection must be closed (section 4.8)."""


def connack(code, session_present=False):
    return bytes((0x20, 2, 1 if session_present else 0, code))


def remaining_length(n):
    """The one to four bytes of section 2.2.3."""
    if n < 128:
        return bytes((n,))
    out = []
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def publish(topic, payload, qos, retain, pid):
    """A PUBLISH without DUP, as a bytearray, so that a resend can set it with `packet[0] |= 8`. pid counts for qos > 0 only."""
    size = len(topic)
    head = bytes((size >> 8, size & 255)) + topic
    if qos:
        head += bytes((pid >> 8, pid & 255))
    packet = bytearray((0x30 | qos << 1 | (1 if retain else 0),))
    packet.extend(remaining_length(len(head) + len(payload)))
    packet.extend(head)
    packet.extend(payload)
    return packet


def suback(pid, codes):
    return b"\x90" + remaining_length(2 + len(codes)) + bytes((pid >> 8, pid & 255)) + bytes(codes)


def text_at(data, at, stop):
    """(bytes of the length-prefixed UTF-8 string at `at`, where it ends). Raises Malformed when it does not fit."""
    if at + 2 > stop:
        raise Malformed("string cut short")
    end = at + 2 + (data[at] << 8 | data[at + 1])
    if end > stop:
        raise Malformed("string cut short")
    return data[at + 2:end], end


def check_text(text):
    """Raises Malformed unless `text` is UTF-8 without U+0000 (section 1.5.3)."""
    try:
        str(text, "utf-8")
    except UnicodeError:
        raise Malformed("not UTF-8")
    if b"\x00" in text:
        raise Malformed("U+0000 in a string")


def check_topic(topic):
    """Raises Malformed unless `topic` may be published to: not empty, no wildcard (section 3.3.2.1)."""
    if not topic:
        raise Malformed("empty topic")
    if b"+" in topic or b"#" in topic:
        raise Malformed("wildcard in a topic")
    check_text(topic)


def filter_levels(pattern):
    """The levels of a topic filter as a tuple. Raises Malformed for a wrong one (section 4.7.1)."""
    if not pattern:
        raise Malformed("empty filter")
    check_text(pattern)
    levels = tuple(pattern.split(b"/"))
    for i in range(len(levels)):
        level = levels[i]
        if b"#" in level and (level != b"#" or i != len(levels) - 1):
            raise Malformed("# must stand alone and last")
        if b"+" in level and level != b"+":
            raise Malformed("+ must stand alone in its level")
    return levels


def matches(levels, topic_levels):
    """Does a filter (as filter_levels gave it) match a topic split at its slashes? Section 4.7."""
    if topic_levels[0][:1] == b"$" and levels[0] in (b"#", b"+"):
        return False
    n = len(topic_levels)
    for i in range(len(levels)):
        if levels[i] == b"#":
            return True
        if i >= n or (levels[i] != b"+" and levels[i] != topic_levels[i]):
            return False
    return len(levels) == n
