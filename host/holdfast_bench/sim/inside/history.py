"""The history of a simulated run, written as JSON lines while it happens (docs/architecture.md describes the events).

Bytes go in as bytes: a console record becomes an event by a new beginning and another name for its `t`, without being
parsed, unless somebody waits for events. Fields are written in the order given, so that equal runs give equal bytes.
"""

from binascii import b2a_base64
from io import BytesIO
from json import dump, dumps, loads

BUFFER = 4096
TEXT_MAX = 1000     # characters of console text in one event
ESCAPED = 6         # bytes of JSON that a byte of a text takes at most


class History:
    """`listen(event)` gets every event as a dict while `watching` is true, those of `bench` always. file: binary."""

    def __init__(self, kernel, file, board):
        self.kernel = kernel
        self.watching = False
        self.listen = None
        self.count = 0
        self._file = file
        # What is not in the file yet. A stream takes a part of a record without anything being allocated for it, which slices would need.
        self._out = BytesIO(BUFFER)
        self._write = self._out.write
        self._used = 0
        self._view = memoryview(bytearray(BUFFER))
        self._name = board
        self._head, self._head_at_ms = b"", -1
        self._console_head = b'{"t":%%d,"src":"board/%s",' % board.encode()
        self._recv_head = b'{"t":%%d,"src":"broker","ev":"recv","board":"%s","topic":' % board.encode()
        self._recv_heads = {}   # of further brokers, by number
        self._topics = {}       # topic -> its JSON text

    def add(self, src, ev, *pairs):
        """An event with the fields key, value, key, value …; values as JSON has them."""
        line = '{"t":%d,"src":"%s","ev":"%s"' % (self.kernel.now_ms, src, ev)
        for i in range(0, len(pairs), 2):
            line += ',"%s":%s' % (pairs[i], dumps(pairs[i + 1]))
        self._line((line.encode(), b"}\n"))
        if self.listen and (self.watching or src == "bench"):
            event = {"t": self.kernel.now_ms, "src": src, "ev": ev}
            for i in range(0, len(pairs), 2):
                event[pairs[i]] = pairs[i + 1]
            self.listen(event)

    def chip(self, ev, *pairs):
        """An event of the chip as the world sees it."""
        self.add("chip/" + self._name, ev, *pairs)

    def text(self, text):
        """A line of the console that is no record."""
        self.add("board/" + self._name, "text", "text", text[:TEXT_MAX])

    def record(self, data, begin, ticks, end):
        """A console record, `data` from index begin (behind its brace) to end (before it); ticks: where its key "t" stands."""
        now_ms = self.kernel.now_ms
        if now_ms != self._head_at_ms:
            self._head_at_ms, self._head = now_ms, self._console_head % now_ms
        head, write = self._head, self._write
        size = len(head) + end - begin + 6      # "ticks" is four bytes more than "t", and there is the end of the line
        if self._used + size > BUFFER:
            self.flush()
            if len(data) > BUFFER - 128:
                self.text("(a record of %d bytes)" % len(data))
                return
        write(head)
        write(data, begin, ticks - begin)
        write(b'"ticks"')
        write(data, ticks + 3, end - ticks - 3)
        write(b"}\n")
        self._used += size
        self.count += 1
        if self.watching:
            self._told((head, data[begin:ticks], b'"ticks"', data[ticks + 3:end], b"}"))

    def recv(self, topic, payload, qos, retain, dup, broker=0):
        """A message has arrived at a broker; beyond the first, its number is told."""
        topic_json = self._topics.get(topic)
        if topic_json is None:
            topic_json = self._topics[topic] = dumps(str(topic, "utf-8")).encode()
        head = self._recv_head
        if broker:
            head = self._recv_heads.get(broker)
            if head is None:
                head = self._recv_heads[broker] = self._recv_head.replace(b'"topic":', b'"broker":%d,"topic":' % broker)
        head, flags = head % self.kernel.now_ms, _FLAGS[qos << 2 | (2 if retain else 0) | (1 if dup else 0)]
        try:
            text = str(payload, "utf-8")
        except UnicodeError:
            text = None
        if text is None or self.watching or len(head) + len(topic_json) + ESCAPED * len(payload) + 64 > BUFFER:
            content = dumps(str(b2a_base64(payload), "utf-8").strip() if text is None else text).encode()
            parts = (head, topic_json, b',"payload64":' if text is None else b',"payload":', content, flags)
            self._line(parts)
            if self.watching:
                self._told(parts)
            return
        # As _line() does it, in line, and with nothing made that is only copied: most of what is not of the console is a message.
        if self._used + len(head) + len(topic_json) + ESCAPED * len(payload) + 64 > BUFFER:
            self.flush()
        write = self._write
        write(head)
        write(topic_json)
        write(b',"payload":')
        dump(text, self._out)
        write(flags)
        self._used = self._out.tell()
        self.count += 1

    def _told(self, parts):
        try:
            event = loads(b"".join([bytes(part) for part in parts]))
        except ValueError:
            return                  # a garbled record: the host makes a text of it
        self.listen(event)

    def _line(self, parts):
        self.count += 1
        for part in parts:
            size = len(part)
            if self._used + size > BUFFER:
                self.flush()
                if size > BUFFER:
                    self._file.write(part)
                    continue
            self._write(part)
            self._used += size

    def flush(self):
        self._out.seek(0)
        self._out.readinto(self._view, self._used)
        self._file.write(self._view[:self._used])
        self._out.seek(0)
        self._used = 0

    def close(self):
        self.flush()
        self._file.close()


_FLAGS = [b',"qos":%d,"retain":%s,"dup":%s}\n' % (i >> 2, b"true" if i & 2 else b"false", b"true" if i & 1 else b"false") for i in range(12)]
