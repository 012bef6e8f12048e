"""The surroundings in which the probes were recorded: three open access points, a host with servers, what the probes can ask for.

Common subset of CPython and MicroPython: the simulation's lab and the twin's lab both stand in it. May use: world.
"""

from holdfast_bench.world.air import Blackhole
from holdfast_bench.world.broker import Broker
from holdfast_bench.world.broker_host import BrokerHost
from holdfast_bench.world.dhcp import Lease
from holdfast_bench.world.dhcp import Server as DhcpServer
from holdfast_bench.world.ether import AccessPoint, Ether
from holdfast_bench.world.tcp import WANTED
from holdfast_bench.world.tcp_host import Host

MAC = b"\x10\x01\x00\xc4\n$"
HOST, DNS, CHIP, SUBNET = "192.168.4.2", "192.168.4.3", "192.168.4.15", "192.168.4."
CLOSE_MS = 30
ECHO, SILENT, SINK, FULL, BROKER = range(5)     # ports, counted from BASE


class _Echo:
    def __init__(self, peer):
        self.peer = peer

    def feed(self, data, now_ms):
        self.peer.write(data)

    def lost(self, now_ms, why):
        pass


class _Server:
    """A listening port: keeps its connections; `echo` sends back, otherwise nothing is ever said; `deaf` reads nothing."""

    def __init__(self, echo=False, deaf=False):
        self.echo, self.deaf = echo, deaf
        self.peers = []

    def accept(self, peer):
        self.peers.append(peer)
        if self.deaf:
            peer.pause(True)
        return _Echo(peer) if self.echo else self

    def feed(self, data, now_ms):
        pass

    def lost(self, now_ms, why):
        pass

    def close(self, how):
        """"": close; "rst": reset; "wr": only our direction (shutdown)."""
        for peer in self.peers:
            if how == "rst":
                peer.abort()
            elif how == "wr":
                peer.fin_out = WANTED
                peer._output()
            else:
                peer.close()
        self.peers = []


class _Host(Host):
    """SYNs to one port find a full backlog: they are dropped."""

    full_port = 0

    def syn(self, flow):
        if flow.port != self.full_port:
            super().syn(flow)


class Surroundings:
    """The air and the host; `join(chip's air)` once the chip is there."""

    def __init__(self, kernel, base):
        self.kernel = kernel
        self.dhcp = DhcpServer(Lease(CHIP, gateway=HOST, dns=(DNS,)))
        self.ether = Ether()
        self.aps = [self.ether.add(AccessPoint(ssid, bssid=MAC[:5] + tail, channel=channel, rssi=rssi, dhcp=self.dhcp))
                    for ssid, tail, channel, rssi in (("PICSimLabWifi", b"V", 1, -20), ("Espressif", b"Q", 5, -27), ("MasseyWifi", b"R", 10, -37))]
        self.host = host = _Host(kernel)
        host.full_port = base + FULL
        self.servers = {"echo": _Server(echo=True), "silent": _Server(), "sink": _Server(deaf=True)}
        host.ports.update({base + ECHO: self.servers["echo"], base + SILENT: self.servers["silent"], base + SINK: self.servers["sink"]})
        for port in (base + BROKER, 18831):
            BrokerHost(kernel, host, port, Broker()).start()
        self._silent = Host(kernel)
        self._silent.up = False
        self._air = self._rule = self._dns = None

    def join(self, air, dns):
        self._air, self._dns = air, dns

    def find_host(self, ip):
        """As tcp.Stack asks: who answers at that address; None: nobody answers ARP."""
        if ip == HOST:
            return self.host
        return None if ip.startswith(SUBNET) else self._silent

    def do(self, what):
        """A probe's wish, without its "@". Raises ValueError when there is no such."""
        words = what.split()
        if words == ["ap", "off"]:
            self.aps[0].off()
        elif words == ["ap", "on"]:
            self.aps[0].on()
        elif words == ["blackhole", "on"]:
            self._rule = self._air.add(Blackhole())
            self.dhcp.silent, self._dns.mode = True, "silent"
        elif words == ["blackhole", "off"]:
            self._air.remove(self._rule)
            self.dhcp.silent, self._dns.mode = False, "ok"
        elif words[0] == "close":
            # A connection just made has not reached the server yet.
            self.kernel.after(CLOSE_MS, self.servers[words[1]].close, "".join(words[2:]))
        elif words[0] == "closein":
            self.kernel.after(int(words[2]), self.servers[words[1]].close, "rst" if len(words) < 4 else words[3])
        else:
            raise ValueError("the probe asks for %r" % what)
