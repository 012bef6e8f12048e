"""Builds the world of a run from its specification: one chip, its access point, name server, hosts and brokers.

Everything a fault may touch hangs on the Rig. May use: world, chip.soc.
"""

from ...chip.soc import Chip
from ...world.air import Air
from ...world.broker import Broker, Silent
from ...world.broker_host import BrokerHost
from ...world.dhcp import Lease
from ...world.dhcp import Server as DhcpServer
from ...world.dns import Server as DnsServer
from ...world.ether import AccessPoint, Ether
from ...world.kernel import VirtualKernel
from ...world.rng import rng_for
from ...world.tcp import Stack
from ...world.tcp_host import Host
from .console import Tap
from .history import History
from .tally import Tally

GATEWAY = "10.73.0.1"       # the access point, which is also the name server
CHIP = "10.73.0.15"


class _Ears(Silent):
    """What the broker tells goes into history and tally."""

    def __init__(self, history, tally):
        self._history = history
        self._tally = tally

    def recv(self, now_ms, client_id, topic, payload, qos, retain, dup):
        self._history.recv(topic, payload, qos, retain, dup)
        self._tally.recv(payload)

    def event(self, now_ms, ev, **fields):
        pairs = []
        for key in sorted(fields):
            value = fields[key]
            pairs += [key, str(value, "utf-8") if isinstance(value, bytes) else value]
        self._history.add("broker", ev, *pairs)


class Rig:
    """World and chip of one run. spec: the JSON object that runner.py describes."""

    def __init__(self, spec, file):
        self.spec = spec
        self.seed = seed = spec["seed"]
        self.board = spec["board"]
        self.kernel = kernel = VirtualKernel()
        self.history = History(kernel, file, self.board)
        self.tally = Tally()
        self.powered = True
        self.ether = Ether()
        wifi = spec["wifi"]
        self.dhcp = DhcpServer(Lease(CHIP, gateway=GATEWAY, dns=(GATEWAY,)))
        self.ap = self.ether.add(AccessPoint(wifi["ssid"], wifi["key"], channel=wifi.get("channel", 6),
                                             rssi=wifi.get("rssi", -55), dhcp=self.dhcp))
        self.chip = chip = Chip(kernel, self.ether, seed, ticks_start_ms=spec.get("ticks_start_ms", 0))
        chip.clock.drift_ppm = spec.get("drift_ppm", 0)
        chip.station.on_radio = self._radio
        self.dns = chip.name_servers[GATEWAY] = DnsServer()
        self.air = Air(kernel, chip.wifi.passes)
        if "delay_ms" in spec:
            self.air.delay_ms = spec["delay_ms"]
        self.hosts = {GATEWAY: Host(kernel)}
        self.brokers = [self._broker(entry) for entry in spec["brokers"]]
        chip.stack = Stack(kernel, self.air, chip.wifi, self.hosts.get, rng_for(seed, "tcp ticks").below(500))
        self.tap = Tap(kernel, self.history, self.tally.note)

    def _broker(self, entry):
        ip = entry["ip"]
        if ip not in self.hosts:
            self.hosts[ip] = Host(self.kernel)
        if "name" in entry:
            self.dns.names[entry["name"].lower()] = (ip, entry.get("ttl_s", 60))
        users = None
        if entry.get("user"):
            users = {entry["user"].encode(): entry["password"].encode()}
        broker = BrokerHost(self.kernel, self.hosts[ip], entry["port"], Broker(users, _Ears(self.history, self.tally)))
        broker.start()
        return broker

    def _radio(self, name, reason):
        if name == "disconnected":
            self.history.chip("radio", "what", name, "reason", reason)
        else:
            self.history.chip("radio", "what", name)

    def broker_hosts(self):
        """The machines brokers run on, each once."""
        hosts = []
        for broker in self.brokers:
            if broker.host not in hosts:
                hosts.append(broker.host)
        return hosts

    def rng(self, name):
        return rng_for(self.seed, name)
