"""The history of a simulated run, written as JSON lines while it happens (docs/architecture.md describes the events).

Bytes go in as bytes: a console record becomes an event by a new beginning and another name for its `t`, without being
parsed, unless somebody waits for events. Fields are written in the order given, so that equal runs give equal bytes.
"""

from binascii import b2a_base64
from json import dumps, loads

BUFFER = 4096
TEXT_MAX = 1000     # characters of console text in one event


class History:
    """`listen(event)` gets every event as a dict while `watching` is true, those of `bench` always. file: binary."""

    def __init__(self, kernel, file, board):
        self.kernel = kernel
        self.watching = False
        self.listen = None
        self.count = 0
        self._file = file
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._used = 0
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
        # As _line() does it, in line: this is half of a verbose history.
        now_ms = self.kernel.now_ms
        if now_ms != self._head_at_ms:
            self._head_at_ms, self._head = now_ms, self._console_head % now_ms
        head, view, buffer, used = self._head, memoryview(data), self._buffer, self._used
        if used + len(head) + len(data) + 16 > BUFFER:
            self.flush()
            used = 0
            if len(data) > BUFFER - 128:
                self.text("(a record of %d bytes)" % len(data))
                return
        at = used + len(head)
        buffer[used:at] = head
        stop = at + ticks - begin
        buffer[at:stop] = view[begin:ticks]
        at = stop + 7
        buffer[stop:at] = b'"ticks"'
        stop = at + end - ticks - 3
        buffer[at:stop] = view[ticks + 3:end]
        self._used = stop + 2
        buffer[stop:stop + 2] = b"}\n"
        self.count += 1
        if self.watching:
            self._told((bytes(self._view[used:stop + 2]),))

    def recv(self, topic, payload, qos, retain, dup, broker=0):
        """A message has arrived at a broker; beyond the first, its number is told."""
        topic_json = self._topics.get(topic)
        if topic_json is None:
            topic_json = self._topics[topic] = dumps(str(topic, "utf-8")).encode()
        try:
            key, content = b',"payload":', dumps(str(payload, "utf-8")).encode()
        except UnicodeError:
            key, content = b',"payload64":', dumps(str(b2a_base64(payload), "utf-8").strip()).encode()
        head = self._recv_head
        if broker:
            head = self._recv_heads.get(broker)
            if head is None:
                head = self._recv_heads[broker] = self._recv_head.replace(b'"topic":', b'"broker":%d,"topic":' % broker)
        parts = (head % self.kernel.now_ms, topic_json, key, content, _FLAGS[qos << 2 | (2 if retain else 0) | (1 if dup else 0)])
        self._line(parts)
        if self.watching:
            self._told(parts)

    def _told(self, parts):
        try:
            event = loads(b"".join([bytes(part) for part in parts]))
        except ValueError:
            return                  # a garbled record: the host makes a text of it
        self.listen(event)

    def _line(self, parts):
        self.count += 1
        used = self._used
        buffer = self._buffer
        for part in parts:
            end = used + len(part)
            if end > BUFFER:
                self._used = used
                self.flush()
                used, end = 0, len(part)
                if end > BUFFER:
                    self._file.write(part)
                    continue
            buffer[used:end] = part
            used = end
        self._used = used

    def flush(self):
        self._file.write(self._view[:self._used])
        self._used = 0

    def close(self):
        self.flush()
        self._file.close()


_FLAGS = [b',"qos":%d,"retain":%s,"dup":%s}\n' % (i >> 2, b"true" if i & 2 else b"false", b"true" if i & 1 else b"false") for i in range(12)]
