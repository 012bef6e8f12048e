"""The bench's end of the simulated UART: console records and text out, commands in. Knows RFC 7464, not what records mean.

Records go through unparsed; what is no record (cut off, noise, prints) becomes a `text` event.
"""

from json import dumps, loads

RS, LF = 0x1E, 0x0A
RECORD_MAX = 8192
BYTE_US = 87            # 115200 baud
COMMAND_LIMIT_MS = 5000


class Tap:
    """`send` is what the chip's console is given; `note(data, start)` hears of every record; its name stands at `start`."""

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
            self._record(data)
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
                self._record(data[at:stop + 1])
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
        """RS, {"ev":…,"t":…,…} in any order, blanks or not, and the line end."""
        end, ticks, name = data.rfind(b"}"), _key(data, b'"t":'), _key(data, b'"ev":')
        if data[1] != 0x7B or end < 0 or ticks < 0 or name < 0 or data.find(b'"src":') >= 0:
            self._text(data[1:])
            return
        start = data.find(b'"', name + 5) + 1
        self._history.record(data, 2, ticks, end)
        self._note(data, start)
        if self._asked and data.startswith(b'reply"', start):
            try:
                reply = loads(data[1:])
            except ValueError:
                return
            self._answered(reply)

    # -- into the chip -------------------------------------------------------------------------------------------------

    def command(self, command, done):
        """Send a console command; done(reply) with the answer as a dict, or with None when there was none in time. Returns its id."""
        self._commands += 1
        own_id = self._commands
        text = dumps(command)
        data = b'\x1e{"id":%d,' % own_id + text[1:].encode() + b"\n"
        limit = self._kernel.after(COMMAND_LIMIT_MS, self._unanswered, own_id)
        self._asked[own_id] = [done, limit]
        self._kernel.after(len(data) * BYTE_US // 1000, self.console.feed, data)
        return own_id

    def _answered(self, reply):
        asked = self._asked.pop(reply.get("id"), None)
        if asked:
            self._kernel.cancel(asked[1])
            asked[0](reply)

    def _unanswered(self, own_id):
        asked = self._asked.pop(own_id, None)
        if asked:
            asked[0](None)


def _key(data, key):
    """Where a key of the record stands; -1 when it has none. Inside a text its quotes would be escaped."""
    at = data.find(key)
    while at > 0 and data[at - 1] not in (0x7B, 0x2C, 0x20):
        at = data.find(key, at + 1)
    return at
