"""The chip's end of the wire to its parent: calls that wait for their answer, notices, what the parent pushes.

Waiting for an answer lets kernel events happen but no soft callback and no Ctrl-C: so it is on the chip for the calls that
end here. May use: wire, lwip's sizes, hostio. Knows no names of calls.
"""

import gc
import json

from ..world import wire
from ..world.lwip import SND_BUF
from .hostio import IN


BUFFER = 3072            # holds the longest frames of everyday: the content of RTC memory, a scan


class Link:
    """Over two descriptors. `handlers` maps pushed frame kinds to functions (number, payload); what is pushed before its
    handler is there waits for serve().

    Receives into and sends from buffers of its own: how fragmented the firmware has left the heap is no matter of the world outside.
    """

    def __init__(self, io, fd_in, fd_out, handlers):
        self._io = io
        self._in = open(fd_in, "rb")
        self._out = open(fd_out, "wb")
        self._buf = bytearray(BUFFER)
        self._out_buf = bytearray(wire.HEAD + SND_BUF)
        self._have = 0           # bytes of it that are not handled yet
        self._handlers = handlers
        self._early = []         # pushed frames that nobody handles yet
        self._calls = 0
        self._answer = None
        self.kernel = None
        io.watch(self._in, IN, self._arrived)

    def _arrived(self, got):
        n = self._in.readinto(memoryview(self._buf)[self._have:])
        if n == 0:
            self._io.unwatch(self._in)  # the parent is gone; it takes this process with it
        self._have += n or 0
        try:
            self._handle()
        except MemoryError:
            gc.collect()
            self._handle()

    def _handle(self):
        """Hand on the frames that are complete; one that fails for want of memory stays for the next time."""
        while self._have >= wire.HEAD:
            kind, number, n = wire.head(self._buf)
            whole = wire.HEAD + n
            if whole > len(self._buf):
                larger = bytearray(whole)
                larger[:self._have] = memoryview(self._buf)[:self._have]
                self._buf = larger
            if self._have < whole:
                return
            view = memoryview(self._buf)
            payload = bytes(view[wire.HEAD:whole])
            if kind == wire.RESULT or kind == wire.RESULT_BYTES:
                if number == self._calls:
                    self._answer = (kind, payload)
            elif kind in self._handlers:
                self._handlers[kind](number, payload)
            else:
                self._early.append((kind, number, payload))
            view[:self._have - whole] = view[whole:self._have]
            self._have -= whole

    def serve(self):
        """All handlers are there: hand on what came before them."""
        early, self._early = self._early, ()
        for kind, number, payload in early:
            self._handlers[kind](number, payload)

    def send(self, kind, number, *parts):
        """One frame whose payload is these buffers, one after the other.

        It is put together in a buffer of the link's own and written at once: on the chip, what is on its way takes lwIP's memory and
        not the firmware's heap, which may have no room for it in one piece; and a Ctrl-C between two writes would leave half a frame.
        """
        view, at = memoryview(self._out_buf), wire.HEAD
        payload = sum(map(len, parts))
        if wire.HEAD + payload > len(view):
            view = memoryview(bytearray(wire.HEAD + payload))
        view[:at] = wire.frame_head(kind, number, payload)
        for part in parts:
            view[at:at + len(part)] = part
            at += len(part)
        self._out.write(view[:at])

    def tell(self, *what):
        self._out.write(wire.frame_json(wire.TELL, 0, what))

    def call(self, *what):
        """The parent's answer. An error it reports is raised as LinkError(kind, arguments)."""
        return self._wait(wire.CALL, json.dumps(what).encode())

    def write_rtc(self, content):
        return self._wait(wire.RTC_WRITE, content)

    def write_blob(self, space, key, blob):
        return self._wait(wire.NVS_BLOB, json.dumps([space, key]).encode() + b"\n", blob)

    def _wait(self, kind, payload, more=b""):
        """more: a second part of the payload."""
        self._calls = (self._calls + 1) & 0xFFFF
        self._answer = None
        self.send(kind, self._calls, payload, more)
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
