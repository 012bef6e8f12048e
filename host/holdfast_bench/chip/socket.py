"""socket, as on the ESP32: MicroPython's module over lwIP's socket layer, in front of the TCP stack of the world.

Here is what a program sees of the port's socket: 100 ms slices, errno numbers, poll flags, buffer limits. Which addresses there are is
socket_lookup.py's affair, how many sockets socket_table.py's, read() and write() over single calls socket_stream.py's. The stack below
(`chip.stack`, see docs/architecture.md) only moves bytes and tells the state of a flow.
"""

from micropython import const

from ..world import lwip
from ..world.flash import heap_locked
from ..world.lwip import DEAD, DIALING, OPEN
from ..world.lwip import SND_LOWAT as _SND_LOWAT
from . import sched, socket_table as _table
from .soc import chip
from .socket_lookup import look_up as _look_up, of_tuple as _of_tuple
from .socket_stream import FOREVER as _FOREVER, Stream as _Stream

AF_INET = 2
AF_INET6 = 10
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOCK_RAW = 3
IPPROTO_IP = 0
IPPROTO_TCP = 6
IPPROTO_UDP = 17
SOL_SOCKET = 0xFFF
SO_REUSEADDR = 4
SO_BROADCAST = 32
SO_BINDTODEVICE = 0x100B
IP_ADD_MEMBERSHIP = 3
TCP_NODELAY = 1
MSG_PEEK = 1
MSG_DONTWAIT = 8

_SLICE_MS = const(100)
_CONNECT_SLICE_MS = const(110)      # select() with 100 ms, rounded to ticks
_SEND_SLICE_MS = const(1000)
_CALL_US = const(300)               # an lwIP call: a message to its task and back
_POLL_US = const(30)

_MP_STREAM_POLL = const(3)
_MP_STREAM_CLOSE = const(4)
_POLLIN, _POLLOUT, _POLLHUP, _POLLNVAL = const(1), const(4), const(16), const(32)

# Of a socket object, beside the state of its flow.
_NEW, _USED, _PEER_CLOSED = const(0), const(1), const(2)

_kernel = chip.kernel


def _err(n):
    raise OSError(n)


class socket(_Stream):
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0):
        _kernel.spend_us(_CALL_US)
        _table.take(self)
        self._type = type
        self._retries = _FOREVER     # slices a blocking call waits beyond the first; 0 and _nonblocking: none
        self._nonblocking = False
        self._state = _NEW if type == SOCK_STREAM else _USED
        self._flow = None
        self._nodelay = False
        self._bound = None
        self._source = None        # the address it was bound to
        self._in_mailbox = self._pending = False
        self._dead = False
        self._udp = None             # of a UDP socket: its Datagrams, once it has a port
        self._peer = None            # and whom it is connected to
        self._listener = None        # of a listening TCP socket

    # --- settings ----------------------------------------------------------------------------------------------------

    def settimeout(self, seconds):
        if seconds is None:
            self._retries, self._nonblocking = _FOREVER, False
            return
        if isinstance(seconds, (str, bytes)):
            raise TypeError("can't convert %s to float" % type(seconds).__name__)
        ms = int(float(seconds) * 1000)
        if ms < 0:
            self._retries, self._nonblocking = _FOREVER, False
        else:
            self._retries, self._nonblocking = ms // _SLICE_MS, ms == 0

    def setblocking(self, flag):
        self._retries, self._nonblocking = (_FOREVER, False) if flag else (0, True)

    def setsockopt(self, level, option, value):
        _kernel.spend_us(_CALL_US)
        if option in (SO_REUSEADDR, TCP_NODELAY):
            if not isinstance(value, int):
                raise TypeError("can't convert %s to int" % type(value).__name__)
            if option == TCP_NODELAY:
                self._nodelay = bool(value)
                if self._flow is not None:
                    self._flow.nodelay = self._nodelay
        elif option == SO_BROADCAST:
            if self._type == SOCK_STREAM:
                _err(lwip.ENOPROTOOPT)
        elif option == IP_ADD_MEMBERSHIP:
            if len(memoryview(value)) != 8:     # raises TypeError for an int, as the port does
                raise ValueError
        elif option not in (SO_BINDTODEVICE, 20):
            chip.console.text("Warning: lwip.setsockopt() option not implemented\n")

    def fileno(self):
        return -1 if self._slot is None else _table.number(self._slot)

    def makefile(self, *args):
        return self

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _wait(self, ready, slice_ms=_SLICE_MS):
        """Block in slices until ready(). True when it is; raises EAGAIN or ETIMEDOUT when the slices are used up."""
        if ready():
            return True
        if self._nonblocking:
            _err(lwip.EAGAIN)
        until = None if self._retries == _FOREVER else _kernel.now_ms + (self._retries + 1) * slice_ms
        if not sched.wait(until, ready):
            _err(lwip.EAGAIN if self._retries == 0 else lwip.ETIMEDOUT)
        return True

    def _look(self):
        """Notice that the flow has died: its error waits in the receive mailbox and as the pending error."""
        flow = self._flow
        if flow is not None and flow.state == DEAD and not self._dead:
            self._dead = self._in_mailbox = self._pending = True

    def _valid(self):
        _kernel.spend_us(_CALL_US)
        flow = self._flow
        if flow is None:
            if self._slot is None:
                _err(lwip.EBADF)
        elif flow.state == DEAD:
            self._look()

    # --- connecting --------------------------------------------------------------------------------------------------

    def connect(self, address):
        ip, port = _of_tuple(address)
        self._valid()
        self._state = _USED
        if self._type != SOCK_STREAM:
            self._peer = (ip, port)
            return
        flow = self._flow
        if flow is not None:
            _err((lwip.EALREADY, lwip.EISCONN, lwip.ENOTCONN)[flow.state])
        flow = chip.stack.dial(ip, port, self._source)
        if flow.state == DEAD and flow.error == lwip.EHOSTUNREACH:
            _err(lwip.EHOSTUNREACH)   # nothing has happened to the socket: it may try again
        self._flow = self._slot[1] = flow
        flow.nodelay = self._nodelay
        if self._nonblocking:
            _err(lwip.EINPROGRESS)
        # The port waits with select(), at least two slices being never needed: even 0.05 s waits one.
        until = None if self._retries == _FOREVER else _kernel.now_ms + (self._retries + 1) * _CONNECT_SLICE_MS
        if not sched.wait(until, lambda: flow.state != DIALING):
            _err(lwip.ETIMEDOUT)
        if flow.state == DEAD:
            self._look()
            self._pending = False     # reading SO_ERROR takes it
            _err(flow.error)

    def bind(self, address):
        ip, port = _of_tuple(address)
        self._valid()
        self._state = _USED
        if (self._type, port) in _table.bound:
            _err(lwip.EADDRINUSE)
        if port:                      # 0: one of the stack's choice
            self._bound = (self._type, port)
            _table.bound.append(self._bound)
        if ip != "0.0.0.0":
            self._source = ip         # IDF's routing sends it through the interface that has this address
        if self._type == SOCK_DGRAM:
            self._udp = self._slot[1] = chip.stack.udp(port, self._source)

    def listen(self, backlog=2):
        self._valid()
        if self._listener is None:
            self._listener = self._slot[1] = chip.stack.listen(self._bound[1] if self._bound else 0, max(1, backlog))

    def accept(self):
        self._valid()
        if self._listener is None:
            _err(lwip.EINVAL)
        self._wait(lambda: self._listener.queue)
        made = socket(AF_INET, SOCK_STREAM)      # raises ENFILE: the connection stays in the queue
        flow = self._listener.queue.pop(0)
        made._flow = made._slot[1] = flow
        made._state = _USED
        return made, flow.peer

    # --- datagrams ---------------------------------------------------------------------------------------------------

    def _datagrams(self):
        """The mailbox; a socket without a port gets one."""
        if self._udp is None:
            self._udp = self._slot[1] = chip.stack.udp()
        return self._udp

    def _send_datagram(self, buf, ip, port):
        error = self._datagrams().send(ip, port, bytes(buf))
        if error:
            _err(error)
        return len(buf)

    def _mail(self):
        """Whether there is a datagram; one that is not from whom we are connected to is dropped."""
        inbox = self._datagrams().inbox
        while inbox and self._peer and inbox[0][:2] != self._peer:
            inbox.pop(0)
        return inbox

    def _receive_datagram(self, n, dontwait=False):
        """(data, address): what does not fit into n is lost."""
        self._valid()
        if dontwait and not self._mail():
            _err(lwip.EAGAIN)
        self._wait(self._mail)
        ip, port, data = self._udp.inbox.pop(0)
        return data[:n], (ip, port)

    # --- receiving ---------------------------------------------------------------------------------------------------

    def _readable(self):
        flow = self._flow
        return flow is not None and (flow.state == DEAD or flow.inbox or flow.fin)

    def _receive(self, buf, peek=False, dontwait=False):
        """Bytes into buf, 0 at the peer's close; raises OSError. One call of lwIP's recv, with the port's slices."""
        if self._type != SOCK_STREAM:
            data, _ = self._receive_datagram(len(buf), dontwait)
            buf[:len(data)] = data
            return len(data)
        self._valid()
        if self._state == _NEW:
            _err(lwip.ENOTCONN)
        if self._state == _PEER_CLOSED:
            return 0
        if dontwait and not self._readable():
            _err(lwip.EAGAIN)
        self._wait(self._readable)
        self._look()
        flow = self._flow
        if flow.inbox:
            data = (flow.peek if peek else flow.read)(len(buf))
            buf[:len(data)] = data
            return len(data)
        if flow.state == DEAD:
            if self._in_mailbox:
                self._in_mailbox = False
                _err(flow.error)
            if self._pending:
                self._pending = False
                _err(flow.error)
            _err(lwip.ENOTCONN)
        self._state = _PEER_CLOSED
        return 0

    def recv(self, n, flags=0):
        buf = bytearray(n)
        got = self._receive(buf, flags & MSG_PEEK, flags & MSG_DONTWAIT)
        return bytes(memoryview(buf)[:got])

    def recvfrom(self, n, flags=0):
        if self._type != SOCK_STREAM:
            return self._receive_datagram(n, flags & MSG_DONTWAIT)
        return self.recv(n, flags), ("0.0.0.0", 0)

    def _nothing_more(self):
        """Whether one more _receive() would only say EAGAIN. Then its cost is charged; saying so takes us longer than the chip."""
        flow = self._flow
        if flow is None or flow.state != OPEN or flow.inbox or flow.fin:
            return False
        _kernel.spend_us(_CALL_US)
        return not (flow.state != OPEN or flow.inbox or flow.fin)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _room(self):
        flow = self._flow
        return flow.state == DEAD or (flow.state == OPEN and flow.room() > 0)

    def _push(self, view):
        """One lwip_write: takes what fits; on a blocking socket it waits a slice of about a second for room for the rest.
        -> bytes taken; raises OSError unless it would only have to wait."""
        self._valid()
        if self._type != SOCK_STREAM:
            if self._peer is None:
                _err(lwip.ENOTCONN)
            return self._send_datagram(view, *self._peer)
        flow = self._flow
        if flow is None:
            _err(lwip.ENOTCONN)
        done = 0
        until = _kernel.now_ms + _SEND_SLICE_MS
        while True:
            self._look()
            if flow.state == DEAD:
                if done:
                    return done
                if self._pending:
                    self._pending = False
                    _err(flow.error)
                _err(lwip.ENOTCONN)
            if flow.state == OPEN:
                done += flow.write(view[done:])
            if done == len(view) or self._nonblocking:
                return done
            if not sched.wait(until, self._room):
                return done
            if flow.state == DEAD and not done:
                # The error that ends a blocked write is told once more afterwards.
                self._look()
                _err(flow.error)

    def send(self, buf):
        view = memoryview(buf if not isinstance(buf, str) else buf.encode())
        sent = 0
        tries = 0
        while sent < len(view) and (self._retries == _FOREVER or tries <= self._retries):
            sent += self._push(view[sent:])
            tries += 1
        if sent == 0 and len(view):
            _err(lwip.EAGAIN if self._retries == 0 else lwip.ETIMEDOUT)
        return sent

    def sendall(self, buf):
        if self.send(buf) < len(buf):
            _err(lwip.ETIMEDOUT)

    def sendto(self, buf, address):
        ip, port = _of_tuple(address)
        self._valid()
        return self._send_datagram(buf.encode() if isinstance(buf, str) else buf, ip, port)

    # --- polling and closing -----------------------------------------------------------------------------------------

    def ioctl(self, request, arg):
        if request == _MP_STREAM_POLL:
            return self.poll_flags(arg)
        if request == _MP_STREAM_CLOSE:
            # When the garbage collector closes a TLS socket over this one nothing can be done now: what nobody refers to is
            # noticed by socket_table.take().
            if not heap_locked():
                self.close()
            return 0
        return -1

    def poll_flags(self, mask):
        """What a poll that looks for `mask` sees. Asked at every turn of an asyncio program: spend_us() in line, the likely first."""
        kernel = _kernel
        us = kernel.us + _POLL_US
        if us < kernel.quick_us:
            kernel.us = us
        else:
            kernel.spend_us(_POLL_US)
        flow = self._flow
        if flow is None:
            return self._flags_without_flow(mask)
        state = flow.state
        if state == OPEN:
            got = _POLLIN if flow.inbox or flow.fin else 0
            if mask & _POLLOUT and flow.room() > _SND_LOWAT:
                got |= _POLLOUT
            return mask & got
        return 0 if state == DIALING else mask & (_POLLIN | _POLLOUT | _POLLHUP)

    def _flags_without_flow(self, mask):
        if self._slot is None:
            return _POLLNVAL
        if self._state == _NEW:
            return (mask & _POLLOUT) | _POLLHUP
        if self._type != SOCK_STREAM:
            return mask & (_POLLOUT | (_POLLIN if self._mail() else 0))
        if self._listener is not None and self._listener.queue:
            return mask & _POLLIN
        return 0

    def close(self):
        _kernel.spend_us(_CALL_US)
        if self._slot is None:
            return
        _table.release(self._slot)
        self._slot = None
        self._guard.close()
        if self._bound in _table.bound:
            _table.bound.remove(self._bound)
        for end in (self._flow, self._udp, self._listener):
            if end is not None:
                end.close()
        self._flow = self._udp = self._listener = None

    def __repr__(self):
        return "<socket>"


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    ip, port = _look_up(host, port)
    return [(AF_INET, type or SOCK_STREAM, proto, host or "0.0.0.0", (ip, port))]
