"""The history of a simulated run, written as JSON lines while it happens (docs/architecture.md describes the events).

Text goes in as text: a console record becomes an event by changing its first characters, without being parsed, unless
somebody waits for events. Fields are written in the order given, so that equal runs give equal bytes.
"""

from binascii import b2a_base64
from json import dumps, loads

LINES = 16          # written together
TEXT_MAX = 1000     # characters of console text in one event


class History:
    """`listen(event)` gets every event as a dict while `watching` is true, those of `bench` always."""

    def __init__(self, kernel, file, board):
        self.kernel = kernel
        self.watching = False
        self.listen = None
        self.count = 0
        self._file = file
        self._console = ',"src":"board/%s",' % board
        self._broker = ',"src":"broker","ev":"recv","board":"%s","topic":' % board
        self._name = board
        self._lines = []
        self._topics = {}       # topic -> its JSON text

    def add(self, src, ev, *pairs):
        """An event with the fields key, value, key, value …; values as JSON has them."""
        line = '{"t":%d,"src":"%s","ev":"%s"' % (self.kernel.now_ms, src, ev)
        for i in range(0, len(pairs), 2):
            line += ',"%s":%s' % (pairs[i], dumps(pairs[i + 1]))
        self._write(line + "}\n")
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

    def record(self, name, rest):
        """A console record: the event's name and what follows `"t":` in it, up to its closing brace."""
        line = '{"t":%d%s"ev":"%s","ticks":%s\n' % (self.kernel.now_ms, self._console, name, rest)
        self._write(line)
        if self.watching:
            self.listen(loads(line))

    def recv(self, topic, payload, qos, retain, dup):
        """A message has arrived at the broker."""
        topic_text = self._topics.get(topic)
        if topic_text is None:
            topic_text = self._topics[topic] = dumps(str(topic, "utf-8"))
        try:
            content = '"payload":' + dumps(str(payload, "utf-8"))
        except UnicodeError:
            content = '"payload64":"%s"' % str(b2a_base64(payload), "utf-8").strip()
        line = '{"t":%d%s%s,%s,"qos":%d,"retain":%s,"dup":%s}\n' % (
            self.kernel.now_ms, self._broker, topic_text, content, qos, "true" if retain else "false", "true" if dup else "false")
        self._write(line)
        if self.watching:
            self.listen(loads(line))

    def _write(self, line):
        self.count += 1
        self._lines.append(line)
        if len(self._lines) >= LINES:
            self.flush()

    def flush(self):
        self._file.write("".join(self._lines))
        self._lines.clear()

    def close(self):
        self.flush()
        self._file.close()
