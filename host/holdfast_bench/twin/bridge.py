"""A host of the modelled network whose ports lead to real sockets: where the twin's TCP ends and the machine's begins.

The far end of the model's connection is fed from a real one, opened when the SYN arrives: a broker that is down refuses, one
that resets is seen to reset. Runs in the loop's thread. May use: world.tcp_host, asyncio.
"""

import asyncio
import socket
import struct

from ..world.tcp_host import Caller, Host

DIAL_S = 5              # a real connection that takes longer counts as no answer
_RST_ON_CLOSE = struct.pack("ii", 1, 0)
BACKLOG = 64 * 1024     # bytes from the broker that may wait for the air before reading pauses


class BridgeHost(Host):
    """`routes` maps port numbers to real (host, port)."""

    def __init__(self, kernel, loop):
        super().__init__(kernel)
        self._loop = loop
        self.routes = {}
        self.udp_routes = {}
        self.callers = {}       # their port -> who called one of the chip's UDP ports from outside
        self._udp = {}          # (the chip's Datagrams, port) -> _Datagrams
        self._dialing = []      # flows whose real connection is being opened
        self._real = {}         # flow -> (reader, writer), until the peer takes it
        self.refused = 0
        self._tasks = set()

    def syn(self, flow):
        if not self.up:
            return
        if flow.port not in self.routes or self.refusing:
            self.refused += 1
            self.ports.pop(flow.port, None)
            super().syn(flow)
        elif any(peer.other is flow for peer in self.peers):
            super().syn(flow)
        elif flow not in self._dialing:
            self._dialing.append(flow)
            self._spawn(self._dial(flow))

    async def _dial(self, flow):
        host, port = self.routes[flow.port]
        try:
            real = await asyncio.wait_for(asyncio.open_connection(host, port), DIAL_S)
        except asyncio.TimeoutError:
            self._dialing.remove(flow)
            return               # silence; the chip's next SYN tries again
        except OSError:
            self._dialing.remove(flow)
            self.kernel.catch_up()
            self.ports.pop(flow.port, None)
            self.refused += 1
            super().syn(flow)
            return
        self._dialing.remove(flow)
        self.kernel.catch_up()
        if flow.dead or self.refusing or not self.up:
            real[1].close()
            return
        self._real[flow] = real
        self.ports[flow.port] = self
        super().syn(flow)

    def datagram(self, arg):
        """A datagram of the chip: on to the real address, over a socket of its own for each of the chip's."""
        sender, port, data = arg
        if self.up and port in self.callers:
            transport, address = self.callers[port]
            transport.sendto(data, address)
            return
        if not self.up or port not in self.udp_routes:
            return
        key = sender, port
        if key not in self._udp or self._udp[key].closed:
            for old in [k for k in self._udp if k[0] not in k[0].stack.datagrams]:
                self._udp.pop(old).close()
            self._udp[key] = _Datagrams(self, sender, port)
        self._udp[key].send(data)

    def accept(self, peer):
        """The chip's end is there: join it to the real connection (application interface of world/tcp_host.py)."""
        return Bridge(self, peer, self._real.pop(peer.other))

    def forget(self, peer):
        super().forget(peer)
        real = self._real.pop(peer.other, None)
        if real is not None:
            real[1].close()

    def _spawn(self, coro):
        task = self._loop.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self):
        """End every real connection."""
        for one in self._udp.values():
            one.close()
        for _, writer in self._real.values():
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Datagrams(asyncio.DatagramProtocol):
    """A real UDP socket on behalf of one of the chip's."""

    def __init__(self, host, sender, port):
        self._host, self._sender, self._port = host, sender, port
        self.closed = False
        self._transport = None
        self._waiting = []
        host._spawn(self._open())

    async def _open(self):
        try:
            await self._host._loop.create_datagram_endpoint(lambda: self, remote_addr=self._host.udp_routes[self._port])
        except OSError:
            self.closed = True

    def connection_made(self, transport):
        self._transport = transport
        for data in self._waiting:
            transport.sendto(data)

    def send(self, data):
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.sendto(data)

    def datagram_received(self, data, address):
        self._host.kernel.catch_up()
        if self._host.up:
            self._sender.answer(self._host.ip, self._port, data)

    def error_received(self, error):
        pass                    # nobody listens there: silence, as far as the chip can tell

    def close(self):
        self.closed = True
        if self._transport is not None:
            self._transport.close()


class Bridge:
    """One connection: feed() and lost() are called from the model's side, _pump() reads the real one."""

    def __init__(self, host, peer, real):
        self._host, self._peer = host, peer
        self._reader, self._writer = real
        host._spawn(self._pump())

    def feed(self, data, now_ms):
        self._writer.write(data)

    def lost(self, now_ms, why):
        """The chip's end closed or was given up: FIN or RST towards the broker as the model says."""
        if why == "connection reset":
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _pump(self):
        peer, kernel = self._peer, self._host.kernel
        try:
            while not peer.dead:
                data = await self._reader.read(16384)
                kernel.catch_up()
                if not data:
                    peer.close()
                    return
                peer.write(data)
                while peer.backlog() > BACKLOG and not peer.dead:
                    await asyncio.sleep(0.05)
                    kernel.catch_up()
        except ConnectionError:
            kernel.catch_up()
            peer.abort()
        finally:
            self._writer.close()


class _Incoming:
    """A real connection that waits for the chip to answer (application interface of world/tcp_host.Caller)."""

    def __init__(self, host, real):
        self._host, self._real = host, real

    def accept(self, peer):
        return Bridge(self._host, peer, self._real)

    def failed(self, why):
        self._real[1].transport.abort()


async def forwarded(host, stack, port):
    """A server whose connections go to `port` of the chip with that stack, from `host`."""
    async def arrived(reader, writer):
        host.kernel.catch_up()
        Caller(host, stack, port, _Incoming(host, (reader, writer)), host.ip, writer.get_extra_info("peername")[1])

    return await asyncio.start_server(arrived, "127.0.0.1", 0)


class _UdpCallers(asyncio.DatagramProtocol):
    """Datagrams to a real UDP port go to `port` of the chip; its answers go back."""

    def __init__(self, host, stack, port):
        self._host, self._stack, self._port = host, stack, port

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, address):
        self._host.kernel.catch_up()
        self._host.callers[address[1]] = self._transport, address
        for mailbox in self._stack.datagrams:
            if mailbox.port == self._port:
                mailbox.answer(self._host.ip, address[1], data)


async def forwarded_udp(host, stack, port):
    """A real UDP port that leads to `port` of the chip with that stack, from `host`. -> (its transport, its address)"""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _UdpCallers(host, stack, port), local_addr=("127.0.0.1", 0))
    return transport, transport.get_extra_info("sockname")[:2]
