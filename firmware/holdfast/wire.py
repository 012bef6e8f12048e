# wire.py - one connection: moves bytes between the session and its transport, stepped, and says when it is over.
# May import: asyncio, errors.   Time: ticks.   Blocks: never; a task waits for bytes, one for room, both end with close().
from asyncio import core, create_task
from micropython import const
from time import ticks_ms

from .errors import translate

_TURN = const(32)  # pieces read before the other tasks have their turn


# Waits on asyncio's I/O queue. queue: queue_read or queue_write.
def _io(queue, sock):
    yield queue(sock)


# Until the socket takes bytes, or has failed.
async def writable(sock):
    await _io(core._io_queue.queue_write, sock)


class Wire:
    # bell: rung when something has happened. heard(): called when bytes have been handled. session: set by the owner before dial().
    def __init__(self, outbox, bell, heard):
        self.session = None
        self._box = outbox
        self._bell = bell
        self._heard = heard
        self._in = bytearray(256)
        self._reader = self._writer = None
        self.line = None  # the transport
        self.fault = None  # how the connection ended, for whoever looks next

    # Begins to connect the transport `line`, until `opening` is over. Raises Fault at once when there is no path or no memory.
    def dial(self, line, address):
        self.line = line
        line.dial(address)
        self._await_room()

    # Takes over a transport that is connected already.
    def adopt(self, line):
        self.line = line

    @property
    def opening(self):
        return self._writer

    # The attempt is over: raises Fault when it failed, else bytes may flow.
    def opened(self):
        self.line.read(self._in, True)  # nothing has come, but a connection that failed says so
        self.line.secure()
        self._reader = create_task(self._read())

    def _await_room(self):
        if not self._writer:
            self._writer = create_task(self._room(self.line.sock))

    async def _room(self, sock):
        await writable(sock)
        self._writer = None
        self._bell.ring()

    # Bytes are handled where they arrive, so that an acknowledgement at once lets the next message go.
    async def _read(self):
        session = self.session
        data = memoryview(self._in)
        try:
            while True:
                await _io(core._io_queue.queue_read, self.line.sock)
                n = len(data)
                turn = 0
                while n == len(data):  # a datagram, or what TLS holds, may be more
                    turn += 1
                    if turn % _TURN == 0:
                        await core.sleep_ms(0)
                    n = self.line.read(self._in, False)
                    if not n:
                        self.flush()  # the transport may have waited for just this
                        break
                    now = ticks_ms()
                    session.receive(data, n, now)
                    self._heard()
                    session.pump(now)
                    self.flush()
                    self._box.commit()
        except Exception as e:
            self.fault = translate(e, False)
            self._bell.ring()

    # Writes what the session has put into its buffer, as far as there is room. Raises Fault.
    def flush(self):
        out = self.session.out
        if not self.line.sent():
            return self._await_room()
        while out.end:
            n = self.line.write(out.pending())
            if n < 1:
                return None if n else self._await_room()
            out.wrote(n)
            if not out.end:
                self._box.written()
                self.session.pump(ticks_ms())
        if not self.line.sent():
            self._await_room()

    def close(self):
        for task in (self._reader, self._writer):
            if task:
                task.cancel()
        self._reader = self._writer = self.fault = None
        if self.line:
            self.line.close()
            self.line = None
