"""Tells protocol from noise on the console line: RFC 7464 records out of ROM log, prints and REPL text.

Pure: bytes in, items out. An item is ("event", dict) or ("log", text). Everything is bounded; a record that was cut
off, by a reset or by noise, becomes log and costs nothing else.
"""

import json

RS, LF = 0x1E, 0x0A
RECORD_MAX = 8192  # the longest record of the firmware is well below 1000 bytes
LOG_LINE_MAX = 1000

_int, _str, _bool = (int,), (str,), (bool,)
_maybe = type(None)
# Fields that checkers rely on. Other events, and other fields, pass as they are.
FIELDS = {
    "boot": {"cause": _int},
    "state": {"old": _str, "new": _str},
    "link": {"up": _bool},
    "accept": {"life": _str, "n": _int, "i": _int},
    "sent": {"i": _int},
    "ack": {"i": _int},
    "drop": {"i": _int, "n": _int},
    "reply": {"id": _int, "ok": _bool},
}


class Splitter:
    """Cuts the stream into items. `feed` takes what has arrived; `flush` ends what is unfinished, after a silence."""

    def __init__(self):
        self._part = bytearray()
        self._in_record = False
        self.discarded = 0  # bytes beyond the bounds

    def feed(self, data):
        items = []
        for byte in data:
            if byte == RS:
                self._end(items, whole=False)
                self._in_record = True
            elif byte == LF:
                self._end(items, whole=True)
            elif len(self._part) < (RECORD_MAX if self._in_record else LOG_LINE_MAX):
                self._part.append(byte)
            else:
                self.discarded += 1
        return items

    def flush(self):
        """Log text that has no line end yet, such as a prompt. A record in the making stays."""
        items = []
        if not self._in_record:
            self._end(items, whole=False)
        return items

    def _end(self, items, whole):
        part, self._part = bytes(self._part), bytearray()
        in_record, self._in_record = self._in_record, False
        if in_record and whole:
            event = parse(part)
            if event is not None:
                items.append(("event", event))
                return
        text = part.decode("utf-8", "replace").rstrip("\r\n")
        if text.strip():
            items.append(("log", text))


def parse(record):
    """The event in the bytes of a record, or None when it is none: no JSON object, no name, or fields of other types."""
    try:
        event = json.loads(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("ev"), str):
        return None
    for field, types in FIELDS.get(event["ev"], {}).items():
        value = event.get(field)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return None
    return event


def frame(command):
    """A command as it goes onto the line. Raises ValueError beyond the 200 bytes the chip's input ring can take."""
    data = b"\x1e" + json.dumps(command, separators=(",", ":")).encode() + b"\n"
    if len(data) > COMMAND_MAX:
        raise ValueError("the command has %d bytes, more than the %d that a board's input ring takes" % (len(data), COMMAND_MAX))
    return data


COMMAND_MAX = 200
