"""The chip's end of the wire to its parent: calls that wait for their answer, notices, what the parent pushes.

Waiting for an answer lets kernel events happen but no soft callback and no Ctrl-C: so it is on the chip for the calls that
end here. May use: wire, hostio. Knows no names of calls.
"""

import json

from ..world import wire
from .hostio import IN


class Link:
    """Over two descriptors. `handlers` maps pushed frame kinds to functions (number, payload); what is pushed before its
    handler is there waits for serve()."""

    def __init__(self, io, fd_in, fd_out, handlers):
        self._io = io
        self._in = open(fd_in, "rb")
        self._out = open(fd_out, "wb")
        self._frames = wire.Frames()
        self._handlers = handlers
        self._early = []         # pushed frames that nobody handles yet
        self._calls = 0
        self._answer = None
        self.kernel = None
        io.watch(self._in, IN, self._arrived)

    def _arrived(self, got):
        data = self._in.read(4096)
        if data == b"":
            self._io.unwatch(self._in)  # the parent is gone; it takes this process with it
        if data:
            for kind, number, payload in self._frames.feed(data):
                if kind == wire.RESULT or kind == wire.RESULT_BYTES:
                    if number == self._calls:
                        self._answer = (kind, payload)
                elif kind in self._handlers:
                    self._handlers[kind](number, payload)
                else:
                    self._early.append((kind, number, payload))

    def serve(self):
        """All handlers are there: hand on what came before them."""
        early, self._early = self._early, ()
        for kind, number, payload in early:
            self._handlers[kind](number, payload)

    def send(self, kind, number, payload):
        self._out.write(wire.frame(kind, number, payload))

    def tell(self, *what):
        self._out.write(wire.frame_json(wire.TELL, 0, what))

    def call(self, *what):
        """The parent's answer. An error it reports is raised as LinkError(kind, arguments)."""
        return self._wait(wire.CALL, json.dumps(what).encode())

    def write_rtc(self, content):
        return self._wait(wire.RTC_WRITE, content)

    def _wait(self, kind, payload):
        self._calls = (self._calls + 1) & 0xFFFF
        self._answer = None
        self._out.write(wire.frame(kind, self._calls, payload))
        self.kernel.wait(None, self._answered)
        kind, payload = self._answer
        if kind == wire.RESULT_BYTES:
            return payload
        value = json.loads(payload)
        if isinstance(value, dict):
            raise LinkError(*value["error"])
        return value

    def _answered(self):
        return self._answer is not None


class LinkError(Exception):
    """An error of the world behind the link: its class's name and its arguments."""
