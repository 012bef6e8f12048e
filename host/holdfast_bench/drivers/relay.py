"""The relay in front of a broker that this machine runs: what lies between a real board and the broker, in user space, without any privilege.

It keeps back, forgets, resets and refuses connections. No packet is lost by that: TCP towards the board stays alive, so a blackhole is a
stall. May use: sockets in an asyncio loop of its own; all calls may be made from any thread.
"""

import asyncio
import socket
import struct
import threading

from ..errors import BenchError

PIECE = 65536
KEPT_MAX = 1 << 20      # bytes kept back for a direction; beyond that they stay with their sender
CALL_S = 10


class Relay:
    """Listens on host:port and joins each connection to `target` (host, port). start(), then the ability `network` of a rig, then close()."""

    def __init__(self, target, host, port):
        self._target, self._host, self.port = target, host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._server = None
        self._mode, self._shut = "pass", False
        self._flows = set()
        self._forgotten = self._kept = self._reset = 0
        self._passing = self._over = None

    def start(self):
        """Raises BenchError when the port is taken."""
        self._thread.start()
        try:
            self._call(self._begin())
        except OSError as e:
            self.close()
            raise BenchError("port %d, where boards are to find the broker, is not to be had (%s): `broker.port` in the board file chooses another" % (
                self.port, e.strerror or e)) from None
        return self

    def close(self):
        if self._thread.is_alive():
            if self._server is not None:
                self._call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_S)
        self._loop.close()

    # -- the ability `network` -----------------------------------------------------------------------------------------

    def set_mode(self, mode):
        """"pass", "blackhole" (everything is kept back, and goes on when it ends), "refuse" (the port is closed, what stands is reset)."""
        self._call(self._set_mode(mode))

    def forget_flows(self):
        """Connections that stand are dead without a sign; new ones work."""
        self._call(self._forget())

    def reset_flows(self):
        """Resets every connection; how many."""
        return self._call(self._reset_all())

    def evidence(self, what):
        """What shows that the fault ("blackhole", "refuse", "forgotten") took effect, in words; None while nothing does."""
        if what == "forgotten":
            return "%d connections forgotten" % self._forgotten if self._forgotten else None
        if what != self._mode:
            return None
        if what == "blackhole":
            return "%d bytes kept back" % self._kept if self._kept else None
        try:
            socket.create_connection(("127.0.0.1" if self._host == "0.0.0.0" else self._host, self.port), 2).close()
            return None
        except OSError:
            return "port %d refuses, %d connections were reset" % (self.port, self._reset)

    def keep_out(self, shut):
        """While shut, new connections are reset at once."""
        self._shut = shut

    # -- in the loop ---------------------------------------------------------------------------------------------------

    def _call(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(CALL_S)

    async def _begin(self):
        self._passing, self._over = asyncio.Event(), asyncio.Event()
        self._passing.set()
        await self._listen()

    async def _listen(self):
        self._server = await asyncio.start_server(self._connected, self._host, self.port, limit=PIECE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self):
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for flow in list(self._flows):
            flow.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _set_mode(self, mode):
        before, self._mode = self._mode, mode
        self._kept = self._reset = 0
        if mode == "refuse":
            self._server.close()
            self._reset = await self._reset_all()
        elif before == "refuse":
            await self._listen()
        (self._passing.clear if mode == "blackhole" else self._passing.set)()

    async def _forget(self):
        self._forgotten = 0
        for flow in self._flows:
            flow.forgotten = True
            self._forgotten += 1

    async def _reset_all(self):
        flows = [f for f in self._flows if f.joined and not f.ended]  # one that was reset just now may not have left yet
        for flow in list(self._flows):
            flow.reset()
        return len(flows)

    async def _connected(self, reader, writer):
        flow = _Flow(writer)
        self._flows.add(flow)
        try:
            if self._shut:
                return
            await self._passing.wait()
            far_reader, flow.far = await asyncio.open_connection(*self._target, limit=PIECE)
            flow.joined = True
            for side in (flow.near, flow.far):
                side.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(self._pass_on(flow, reader, flow.far), self._pass_on(flow, far_reader, flow.near))
            flow.end()
        except (OSError, asyncio.CancelledError):
            pass        # the broker is not there, somebody has reset, or the relay ends
        finally:
            flow.reset()
            self._flows.discard(flow)

    async def _pass_on(self, flow, source, sink):
        while data := await source.read(PIECE):
            if flow.forgotten:
                continue
            if not self._passing.is_set():
                self._kept += len(data)
                await self._passing.wait()
            if not flow.forgotten:
                sink.write(data)
                await sink.drain()
        await self._passing.wait()
        if flow.forgotten:
            await self._over.wait()      # its end is not passed on either; ends with the other side's or the relay's
        if sink.can_write_eof():
            sink.write_eof()


class _Flow:
    """One connection: the board's side, and the broker's once there is one."""

    def __init__(self, near):
        self.near, self.far = near, None
        self.forgotten = self.joined = self.ended = False

    def end(self):
        self.ended = True
        for side in (self.near, self.far):
            side.close()

    def reset(self):
        """RST to both sides."""
        if self.ended:
            return
        self.ended = True
        for side in (self.near, self.far):
            if side is not None and not side.transport.is_closing():
                side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.transport.abort()
