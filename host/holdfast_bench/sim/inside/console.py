"""The bench's end of the simulated UART: console records and text out, commands in. Knows RFC 7464, not what records mean.

A record as the firmware writes it, {"ev":"name","t":ticks,…}, goes through as text; any other form is parsed.
"""

from json import dumps, loads

RS, LF = 0x1E, 0x0A
RECORD_MAX = 8192
BYTE_US = 87            # 115200 baud
COMMAND_LIMIT_MS = 5000


class Tap:
    """`send` is what the chip's console is given; `note(name, rest)` hears of every record (the tally)."""

    def __init__(self, kernel, history, note):
        self._kernel = kernel
        self._history = history
        self._note = note
        self._part = b""
        self._commands = 0
        self._asked = {}        # id -> [fn, event of the time limit]
        self.console = None

    # -- out of the chip -----------------------------------------------------------------------------------------------

    def send(self, data):
        if self._part:
            data = self._part + data
            self._part = b""
        if data[0] == RS and data.find(b"\n") == len(data) - 1:
            self._record(data[1:])
            return
        at, end = 0, len(data)
        while at < end:
            stop = data.find(b"\n", at)
            again = data.find(b"\x1e", at + 1)
            if again >= 0 and (stop < 0 or again < stop):
                # A new record begins: what stands before it was text, or was cut off.
                self._text(data[at:again])
                at = again
                continue
            if stop < 0:
                break
            if data[at] == RS:
                self._record(data[at + 1:stop + 1])
            else:
                self._text(data[at:stop])
            at = stop + 1
        if end - at > RECORD_MAX:
            self._text(data[at:])
        else:
            self._part = data[at:]

    def cut(self):
        """The chip was reset: what it had begun to say is all there is."""
        if self._part:
            self._text(self._part)
            self._part = b""

    def _text(self, data):
        try:
            text = str(data, "utf-8")
        except UnicodeError:
            text = repr(data)
        text = text.strip("\r\n")
        if text.strip():
            self._history.text(text)

    def _record(self, data):
        try:
            text = str(data, "utf-8").strip()
            if text.startswith('{"ev":"'):
                end = text.find('"', 7)
                if text.startswith('","t":', end) and text.endswith("}"):
                    name, rest = text[7:end], text[end + 6:]
                else:
                    name, rest = _parsed(text)
            else:
                name, rest = _parsed(text)
        except (ValueError, KeyError, TypeError, UnicodeError):
            self._text(data)
            return
        self._history.record(name, rest)
        self._note(name, rest)
        if name == "reply" and self._asked:
            self._answered(loads('{"ticks":' + rest))

    # -- into the chip -------------------------------------------------------------------------------------------------

    def command(self, command, done):
        """Send a console command; done(reply) with the answer as a dict, or with None when there was none in time."""
        self._commands += 1
        own_id = self._commands
        text = dumps(command)
        data = b'\x1e{"id":%d,' % own_id + text[1:].encode() + b"\n"
        limit = self._kernel.after(COMMAND_LIMIT_MS, self._unanswered, own_id)
        self._asked[own_id] = [done, limit]
        self._kernel.after(len(data) * BYTE_US // 1000, self.console.feed, data)

    def _answered(self, reply):
        asked = self._asked.pop(reply.get("id"), None)
        if asked:
            self._kernel.cancel(asked[1])
            asked[0](reply)

    def _unanswered(self, own_id):
        asked = self._asked.pop(own_id, None)
        if asked:
            asked[0](None)


def _parsed(text):
    """(name, what follows "t":) of a record in any other order. Raises ValueError, KeyError or TypeError when it is none."""
    event = loads(text)
    name, ticks = event.pop("ev"), event.pop("t", None)
    event.pop("src", None)
    rest = dumps(ticks)
    for key in sorted(event):
        rest += ',"%s":%s' % (key, dumps(event[key]))
    return name, rest + "}"
