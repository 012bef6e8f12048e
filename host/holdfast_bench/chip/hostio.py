"""The process's own side: real descriptors and the real clock, for a chip that lives by the wall (twin, or alone).

The only module of chip/ that talks to the machine it runs on. May use: MicroPython's built-in select, socket, time.
"""

import select
import socket
import time

from ..world import lwip
from ..world.kernel import WallKernel
from ..world.lwip import DEAD, DIALING, OPEN

IN, OUT, ERR, HUP = 1, 4, 8, 16


class HostIo:
    """Descriptors that end a wait. watch(stream, mask, fn): fn(mask) is called from idle() when one is ready."""

    def __init__(self):
        self._poll = select.poll()
        self._watched = []       # [stream, fn]

    def kernel(self):
        return WallKernel(time.ticks_us, time.ticks_diff, self.idle)

    def watch(self, stream, mask, fn):
        self._poll.register(stream, mask)
        self._watched.append([stream, fn])

    def change(self, stream, mask):
        self._poll.modify(stream, mask)

    def unwatch(self, stream):
        self._poll.unregister(stream)
        self._watched = [w for w in self._watched if w[0] is not stream]

    def idle(self, ms):
        for stream, got in self._poll.poll(ms):
            for w in self._watched:
                if w[0] is stream:
                    w[1](got)
                    break


class HostFlow:
    """A TCP connection over a socket of the host (docs/architecture.md, "Socket back-end")."""

    def __init__(self, io, address):
        self.state = DIALING
        self.error = 0
        self.fin = False
        self.inbox = bytearray()
        self.nodelay = False
        self._io = io
        self._address = address
        self._sock = socket.socket()
        self._sock.setblocking(False)
        try:
            self._sock.connect(address)
        except OSError as e:
            if e.errno != 115:
                self.die(lwip.ECONNRESET)
                return
        io.watch(self._sock, OUT, self._ready)

    def _ready(self, got):
        if self.state == DIALING:
            if got & (ERR | HUP):
                self.die(lwip.ECONNRESET)
                return
            self.state = OPEN
            self._io.change(self._sock, IN)
            return
        if len(self.inbox) >= lwip.RCV_WND:
            self._io.change(self._sock, 0)
            return
        try:
            data = self._sock.recv(lwip.RCV_WND - len(self.inbox))
        except OSError:
            self.die(lwip.ECONNRESET)
            return
        if data:
            self.inbox.extend(data)
        else:
            self.fin = True
            self._io.unwatch(self._sock)

    def room(self):
        return lwip.SND_BUF      # the host's kernel takes it: no acknowledgement is seen here

    def write(self, buf):
        try:
            return self._sock.send(buf)
        except OSError as e:
            if e.errno != lwip.EAGAIN:
                self.die(lwip.ECONNRESET)
            return 0

    def peek(self, n):
        return self.inbox[:n]

    def read(self, n):
        data = bytes(self.inbox[:n])
        self.inbox = self.inbox[n:]
        if not self.fin and self.state == OPEN:
            self._io.change(self._sock, IN)
        return data

    def close(self):
        if self.state != DEAD:
            self.die(0)

    def die(self, error):
        self.state, self.error = DEAD, error
        self._io.unwatch(self._sock)
        self._sock.close()


class HostStack:
    """TCP straight to hosts of the machine: `routes` maps the address a board sees, (ip, port), to (host, port). Without
    faults in between: for trying things out; the twin and the simulation have stacks of their own."""

    def __init__(self, io, wifi, routes):
        self._io = io
        self._wifi = wifi
        self._routes = routes
        self._flows = []

    def dial(self, ip, port, source=None):
        host, port = self._routes.get((ip, port), (ip, port))
        flow = HostFlow(self._io, socket.getaddrinfo(host, port)[0][-1])
        if not self._wifi.has_address():
            flow.die(lwip.EHOSTUNREACH)
        self._flows = [f for f in self._flows if f.state != DEAD]
        self._flows.append(flow)
        return flow

    def address_lost(self):
        for flow in self._flows:
            if flow.state != DEAD:
                flow.die(lwip.ECONNABORTED)

    reset = address_lost
