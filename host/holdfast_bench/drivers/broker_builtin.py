"""The driver `builtin`: the project's own broker on a real port, in a thread of its own, with fault hooks for any thread.

Needs nothing installed. world/broker.py decides everything; this file gives it sockets, a clock and a loop.
"""

import asyncio
import base64
import contextlib
import socket
import struct
import threading
import time

from ..errors import BenchError
from ..world.broker import Broker, Silent

HOST = "127.0.0.1"
CALL_LIMIT_S = 10
ACCEPT_BACKLOG = 512


class BrokerError(BenchError):
    """The broker could not do what was asked; the text says what to do."""


def text_or_base64(payload):
    """{"payload": text} or, for what is not UTF-8, {"payload64": text}."""
    try:
        return {"payload": payload.decode()}
    except UnicodeDecodeError:
        return {"payload64": base64.b64encode(payload).decode()}


class _Recorder(Silent):
    """Turns what the broker sees into history events (docs/architecture.md)."""

    def __init__(self, add):
        self._add = add

    def recv(self, now_ms, client_id, topic, payload, qos, retain, dup):
        self._add("broker", "recv", client=_text(client_id), topic=_text(topic), **text_or_base64(payload),
                  qos=qos, retain=bool(retain), dup=bool(dup))

    def event(self, now_ms, ev, client=None, **fields):
        self._add("broker", ev, client=client and _text(client), **fields)


def _text(octets):
    return octets.decode("utf-8", "replace")


class _Wire(asyncio.Protocol):
    """One accepted connection, as world/broker_link.py wants it."""

    def __init__(self, server):
        self._server = server
        self._paused = False

    def connection_made(self, transport):
        self._transport = transport
        self._server.wires.add(self)
        self._link = self._server.broker.attach(self, self._server.now_ms())

    def data_received(self, data):
        self._link.feed(data, self._server.now_ms())

    def connection_lost(self, exc):
        self._server.wires.discard(self)
        self._link.lost(self._server.now_ms(), "connection reset" if exc else "connection closed by the client")

    def write(self, data):
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self):
        self.pause(False)       # a paused transport would never notice that the client closes too
        self._transport.close()

    def abort(self):
        """RST instead of FIN."""
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def pause(self, on):
        if on != self._paused and not self._transport.is_closing():
            self._paused = on
            if on:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def backlog(self):
        return self._transport.get_write_buffer_size()


class BuiltinBroker:
    """A broker with its own port, loop and thread. All methods may be called from any thread, and each is bounded in time.

    users: {name: password} as text, None: everyone may come in.
    on_event(src, ev, **fields): called in the broker's thread with what happens (a History's `add` fits).
    limits: max_inflight, max_queued, max_packet of world/broker.py.
    """

    kind = "builtin"

    def __init__(self, host=HOST, port=0, users=None, on_event=None, **limits):
        self.host, self.port = host, port
        self.broker = Broker({u.encode(): p.encode() for u, p in users.items()} if users is not None else None,
                             watcher=_Recorder(on_event) if on_event else None, **limits)
        self.broker.wake_at = self._wake_at
        self.wires = set()
        self.connects_per_s = None
        self._loop = self._thread = self._listener = self._accepting = self._timer = None
        self._timer_at_ms = 0

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self):
        """Listen; a port given as 0 is chosen now and kept over restarts. Raises BrokerError when it is in use."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="builtin broker", daemon=True)
            self._thread.start()
        self.call(self._listen)
        return self

    def stop(self, keep_sessions=True):
        """End as a broker process does that is told to: connections closed, no wills. The port refuses from now on."""
        if self._loop is not None:
            self.call(self._die, keep_sessions)

    def kill(self, keep_sessions=False):
        """End as after SIGKILL: the operating system closes the connections; by default what it knew is lost."""
        self.stop(keep_sessions)

    def restart(self, keep_sessions=True, down_s=0.0):
        self.stop(keep_sessions)
        time.sleep(down_s)
        self.start()

    def close(self):
        """Stop for good and end the thread."""
        if self._loop is None:
            return
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_LIMIT_S)
        self._loop.close()
        self._loop = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()

    def tell(self, on_event):
        """From now on on_event(src, ev, **fields) is called with what happens."""
        self.call(setattr, self.broker, "watcher", _Recorder(on_event))

    # -- hooks ---------------------------------------------------------------------------------------------------------

    def fault(self, hook, *args, **kwargs):
        """Call a method of world/broker_faults.py: `broker.fault("drop_acks", times=3)`; `broker.fault("clear")` heals."""
        method = getattr(self.broker.faults, hook, None)
        if hook.startswith("_") or not callable(method):
            raise BrokerError("the built-in broker has no fault %r" % hook)
        return self.call(method, *args, **kwargs)

    def forget(self, client_id=None):
        """Lose the session of one client (text), or of all."""
        self.call(self.broker.forget, client_id and client_id.encode())

    def kick(self, client_id=None, reset=False):
        """Close the connection of one client, or of all, with FIN or RST. Returns how many."""
        return self.call(self.broker.kick, client_id and client_id.encode(), reset)

    def limit_connects(self, per_second):
        """Accept at most so many connections a second; the others wait in the listener's queue. None: no limit."""
        self.call(setattr, self, "connects_per_s", per_second)

    def publish(self, topic, payload, qos=0, retain=False):
        """Send a message to whoever subscribed."""
        self.call(self.broker.publish, topic.encode(), payload, qos, retain)

    def call(self, fn, *args, **kwargs):
        """Run fn in the broker's thread and return its result; for hooks and for looking at state."""
        if self._loop is None:
            raise BrokerError("the built-in broker is not started")

        async def run():
            result = fn(*args, **kwargs)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(CALL_LIMIT_S)

    # -- in the loop's thread ------------------------------------------------------------------------------------------

    def now_ms(self):
        return int(self._loop.time() * 1000)

    def _listen(self):
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((self.host, self.port))
            listener.listen(ACCEPT_BACKLOG)
        except OSError as e:
            listener.close()
            raise BrokerError("the built-in broker cannot listen on %s:%d (%s): choose another port" % (self.host, self.port, e.strerror))
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._accepting = self._loop.create_task(self._accept(listener))

    async def _accept(self, listener):
        while True:
            try:
                sock, _ = await self._loop.sock_accept(listener)
            except OSError:
                # Out of descriptors, or the client has gone again: neither may end the broker.
                await asyncio.sleep(0.05)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(lambda: _Wire(self), sock)
            if self.connects_per_s:
                await asyncio.sleep(1 / self.connects_per_s)

    async def _die(self, keep):
        if self._listener is None:
            return
        self._accepting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._accepting
        self._listener.close()
        self._listener = None
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.broker.crash(keep)
        for wire in list(self.wires):
            wire.close()
        # One turn of the loop, so that the connections are closed when this returns.
        await asyncio.sleep(0)

    def _wake_at(self, at_ms):
        if self._timer is None or at_ms < self._timer_at_ms:
            if self._timer:
                self._timer.cancel()
            self._timer_at_ms = at_ms
            self._timer = self._loop.call_at((at_ms + 1) / 1000, self._tick)

    def _tick(self):
        self._timer = None
        self.broker.tick(self.now_ms())
