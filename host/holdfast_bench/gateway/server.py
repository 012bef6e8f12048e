"""The gateway's sockets: TCP connections and UDP peers, each with a Link, each Link with an Uplink. Runs in an event loop.

    gateway = Gateway(("broker", 1883), say=print)
    await gateway.start(tcp=("0.0.0.0", 7180), udp=("0.0.0.0", 7180))
    …
    await gateway.stop()
"""

import asyncio
import contextlib

from ..errors import BenchError
from .link import Link, Node
from .uplink import Uplink

LOOK_S = 0.5            # how often silence and repetitions are looked at
WRITE_MAX = 256 * 1024  # bytes that may wait for a node that does not read
PEERS_MAX = 10_000      # UDP addresses heard at one time
NODES_MAX = 10_000      # nodes remembered; the one heard of longest ago goes


class Gateway:
    """broker: (host, port). user, password: for nodes that name none. say(text): one line for each thing that happens."""

    def __init__(self, broker, user=None, password=None, say=lambda text: None):
        self._broker, self._user, self._password = broker, user, password
        self._say = say
        self.links = {}         # prefix → Link that is in use
        self._nodes = {}        # prefix → Node
        self._all = []
        self._tasks = set()
        self.published = self.delivered = self.repeated = self.accepted = 0

    async def start(self, tcp=None, udp=None, tls=None):
        """tcp, udp: (address, port) to listen on; tls: an SSLContext for TCP. Raises BenchError when a port is taken."""
        self._loop = asyncio.get_running_loop()
        self._tcp = self._udp = None
        try:
            if tcp:
                self._tcp = await self._loop.create_server(lambda: _Tcp(self), *tcp, ssl=tls)
            if udp:
                self._udp, _ = await self._loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=udp)
        except OSError as e:
            raise BenchError("cannot listen on %s:%d: %s" % (*(tcp or udp), e.strerror or e)) from None
        self._looker = self._loop.create_task(self._look())
        return self

    @property
    def tcp_port(self):
        return self._tcp.sockets[0].getsockname()[1]

    @property
    def udp_port(self):
        return self._udp.get_extra_info("sockname")[1]

    async def stop(self):
        """Every node is told, and offline at the broker."""
        self._looker.cancel()
        for link in list(self._all):
            link.close("the gateway ends")
        if self._tcp:
            self._tcp.close()
        if self._udp:
            self._udp.close()
        await asyncio.sleep(0.05)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self):
        while True:
            await asyncio.sleep(LOOK_S)
            for link in list(self._all):
                link.tick(self._loop.time())

    # -- what links ask --------------------------------------------------------------------------------------------------

    def link(self, wire):
        link = Link(self, wire, self._loop.time())
        self._all.append(link)
        return link

    def soon(self, what):
        self._loop.call_soon(what)

    def node(self, prefix):
        node = self._nodes.pop(prefix, None) or Node()
        self._nodes[prefix] = node
        while len(self._nodes) > NODES_MAX:
            del self._nodes[next(iter(self._nodes))]
        return node

    def open(self, link, hello):
        """A node has introduced itself: a connection to the broker under its name."""
        former = self.links.get(link.prefix)
        self.links[link.prefix] = link      # first: the node is not gone with the former one
        if former:
            former.close("a new connection of the same node")
        # A session in the node's own name: its broker connection is ours, whoever else claims it loses it.
        link.uplink = Uplink(self._broker, link.name, hello.get("user") or self._user, hello.get("password") or self._password,
                             int(min(max(link.limit_s, 5), 3600)), link.prefix + "status",
                             lambda *message: link.deliver(*message, self._loop.time()), link.close)
        self._spawn(self._open(link))

    async def _open(self, link):
        code, present = await link.uplink.connect()
        if code:
            self._say("%s  refused: %s" % (link.name, "no broker at %s:%d" % self._broker if code == 3 else "the broker's code %d" % code))
        elif not link.closed:
            self.accepted += 1
            self._say("%s  online, %s" % (link.name, link._wire))
        link.accepted(code, present)

    def gone(self, link, why):
        if link in self._all:
            self._all.remove(link)
        self.published += link.published
        self.delivered += link.delivered
        self.repeated += link.repeated
        if link.name and self.links.get(link.prefix) is link:
            del self.links[link.prefix]
        if link.up:
            self._say("%s  gone: %s" % (link.name, why))
        if link.uplink:
            if link.up and link.prefix not in self.links:
                link.uplink.publish(link.prefix + "status", b"offline", 1, True, link.uplink.close)
                self._loop.call_later(2, link.uplink.close)
            else:
                link.uplink.close()

    def _spawn(self, coro):
        task = self._loop.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Tcp(asyncio.Protocol):
    datagrams = False

    def __init__(self, gateway):
        self._gateway = gateway
        self._link = None

    def connection_made(self, transport):
        self._transport = transport
        self._link = self._gateway.link(self)

    def data_received(self, data):
        self._link.receive(data, self._gateway._loop.time())

    def connection_lost(self, error):
        self._link.close(None, "the connection ended")

    def send(self, data):
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > WRITE_MAX:
            self._transport.abort()

    def close(self):
        self._transport.close()

    def __str__(self):
        return "TCP %s:%d" % self._transport.get_extra_info("peername")[:2]


class _Udp(asyncio.DatagramProtocol):
    """The socket; each address that sends is a _Peer."""

    def __init__(self, gateway):
        self._gateway = gateway
        self.peers = {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        peer = self.peers.get(address)
        if peer and data[:2] == b"\xf5H" and len(data) > 10 and data[3] == 3 and int.from_bytes(data[6:10], "big") != peer.link.salt:
            peer.link.close("a new connection from the same address")      # its former life is over
            peer = None
        if peer is None:
            if len(self.peers) == PEERS_MAX:
                return
            peer = self.peers[address] = _Peer(self, address)
            peer.link = self._gateway.link(peer)
        peer.link.receive(data, self._gateway._loop.time())


class _Peer:
    datagrams = True

    def __init__(self, udp, address):
        self._udp, self._address = udp, address
        self.link = None

    def send(self, data):
        with contextlib.suppress(OSError):
            self._udp.transport.sendto(data, self._address)

    def close(self):
        if self._udp.peers.get(self._address) is self:
            del self._udp.peers[self._address]

    def __str__(self):
        return "UDP %s:%d" % self._address[:2]
