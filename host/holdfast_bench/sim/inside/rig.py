"""Builds the world of a run from its specification: one chip, its access point, name server, hosts and brokers.

Everything a fault may touch hangs on the Rig. May use: world, chip.soc.
"""

from ...chip.soc import Chip
from ...world.air import Air, Loss
from ...world.broker import Broker, Silent
from ...world.broker_host import BrokerHost
from ...world.dhcp import Lease
from ...world.dhcp import Server as DhcpServer
from ...world.dns import Server as DnsServer
from ...world.dns_udp import MDNS_GROUP, name_server, neighbours
from ...world.ether import AccessPoint, Ether
from ...world.kernel import VirtualKernel
from ...world.rng import rng_for
from ...world.tcp_chip import Stack
from ...world.tcp_host import Host
from .console import Tap
from .history import History
from .moments import Moments
from .tally import Tally

WS_IDLE_MS = 60_000         # as common reverse proxies have it
GATEWAY = "10.73.0.1"       # the access point, which is also the name server
CHIP = "10.73.0.15"
ELSEWHERE = "10.76.0."      # the network behind the second access point
WIRED = "10.74.0."          # that behind the cable
MOBILE = "10.75.0."         # the operator's
BACKLOG = 40                # connections that a hanging broker leaves in its machine's queue, before that is full
SERVE_MS = 3                # what a host takes to answer with a piece of a bundle
LAN_DELAY_MS = 2            # one way over the cable
MOBILE_DELAY_MS = 40        # and over the operator's network
MODEM_UART = 1
BLOCK_MS = 10               # blocking calls from this length on are in the history


class _Ears(Silent):
    """What the broker tells goes into history and tally."""

    def __init__(self, rig, number):
        self._rig = rig
        self._history = rig.history
        self._tally = rig.tally
        self._number = number       # of the broker, in the order of the specification

    def recv(self, now_ms, client_id, topic, payload, qos, retain, dup):
        self._history.recv(topic, payload, qos, retain, dup, self._number)
        self._tally.recv(payload)
        if self._rig.moments.waited:
            self._rig.moments.hit("received")
        if self._rig.update and topic.endswith(b"/piece"):
            self._rig.kernel.after(SERVE_MS, self._serve, bytes(payload))

    def _serve(self, request):
        """A piece of the bundle, for who asked."""
        wanted = self._rig.update.wanted(request)
        if wanted:
            for broker in self._rig.brokers:
                broker.broker.publish((self._rig.prefix + "cmd/piece").encode(), self._rig.update.piece(*wanted), 0, False)

    def event(self, now_ms, ev, **fields):
        if ev == "connect":
            self._rig.moments.hit("connect")
        pairs = ["broker", self._number]
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
        self.prefix = spec.get("prefix", "holdfast/%s/" % spec["board"])    # of the node's topics
        self.kernel = kernel = VirtualKernel()
        self.history = History(kernel, file, self.board)
        self.tally = Tally(kernel)
        self.powered = True
        self.ether = Ether()
        wifi = spec["wifi"]
        self.dhcp = DhcpServer(Lease(CHIP, gateway=GATEWAY, dns=(GATEWAY,), time_s=spec.get("lease_s", 7200)))
        self.ap = self.ether.add(AccessPoint(wifi["ssid"], wifi["key"], channel=wifi.get("channel", 6),
                                             rssi=wifi.get("rssi", -55), dhcp=self.dhcp))
        self.chip = chip = Chip(kernel, self.ether, seed, ticks_start_ms=spec.get("ticks_start_ms", 0))
        chip.clock.drift_ppm = spec.get("drift_ppm", 0)
        chip.station.on_radio = self._radio
        self.dns = chip.name_servers[GATEWAY] = DnsServer()
        self.air = Air(kernel, chip.wifi.passes)
        self.airs = {"wifi": self.air}
        if "delay_ms" in spec:
            self.air.delay_ms = spec["delay_ms"]
        if "loss" in spec:
            self.air.add(Loss(rng_for(seed, "air"), spec["loss"], 0.25))
        self.hosts = {GATEWAY: name_server(kernel, self.dns, GATEWAY), MDNS_GROUP: neighbours(kernel, chip.resolver.mdns)}
        self.moments = Moments(self)
        self.brokers = [self._broker(entry, number) for number, entry in enumerate(spec["brokers"])]
        chip.stack = Stack(kernel, self.air, chip.wifi, self.hosts.get, rng_for(seed, "tcp ticks").below(500))
        chip.stack.on_dial = self._dialled
        chip.stack.on_crowd = self._crowded
        self.cable = None
        if spec.get("networks", 1) > 1:
            self.ether.add(AccessPoint(wifi["ssid"] + "2", wifi["key"] + "2", bssid=b"\x02\xaa\x00\x00\x00\x02", channel=11, rssi=-65,
                                       dhcp=self._router(ELSEWHERE)))
        if spec.get("lan"):
            self._add_lan()
        self.modem = None
        if spec.get("modem"):
            self._add_modem(spec["modem"])
        chip.resolver.resolve = self._timed(chip.resolver.resolve, "dns")
        chip.on_block = self._blocked
        self.bundles = {}           # id of an action that updates: its Pieces; opened now, the chip's files are all there is later
        self.phone = None           # class of the phone of whoever sets the node up; likewise
        for action in spec["plan"]["actions"]:
            if action["do"] == "update" and self.board in action["boards"]:
                from ...world.pieces import Pieces
                self.bundles[action["id"]] = Pieces(open("bundle-" + action["id"], "rb"))
            elif action["do"] == "setup":
                from .phone import Phone
                self.phone = Phone
        self.littlefs = None        # flash.py, where flash is more than a folder
        self.update = None          # the one of them that is being served
        if "serial" in spec:
            from .serial import SerialDevice
            self.serial = SerialDevice(self, spec["serial"])
        self.tap = Tap(kernel, self.history, self.tally.note)

    def _name_server(self, ip):
        self.chip.name_servers[ip] = self.dns
        self.hosts[ip] = name_server(self.kernel, self.dns, ip)

    def _router(self, net):
        """Another way to the same hosts: its DHCP server."""
        self._name_server(net + "1")
        return DhcpServer(Lease(net + "15", gateway=net + "1", dns=(net + "1",)))

    def _add_lan(self):
        from ...world.lan import Cable

        self.cable = Cable(self._router(WIRED))
        self.airs["lan"] = self.chip.add_lan(self.cable, lambda passes: Air(self.kernel, passes, LAN_DELAY_MS))
        self.chip.lan.on_event = lambda name: self.history.chip("lan", "what", name)

    def _add_modem(self, sim):
        """sim: true, or an object with pin and apn of its SIM card."""
        from ...world.modem import Modem

        self.modem = Modem(self.kernel, **(sim if isinstance(sim, dict) else {}))
        self._name_server(MOBILE + "1")
        self.airs["ppp"] = self.chip.add_modem(self.modem, MODEM_UART, MOBILE, lambda passes: Air(self.kernel, passes, MOBILE_DELAY_MS))
        self.chip.ppp.on_event = lambda name: self.history.chip("ppp", "what", name)

    def _broker(self, entry, number):
        ip = entry["ip"]
        if ip not in self.hosts:
            self.hosts[ip] = Host(self.kernel)
            self.hosts[ip].backlog = BACKLOG
        if "name" in entry:
            self.dns.names[entry["name"].lower()] = (entry.get("dead", []) + [ip], entry.get("ttl_s", 60))      # dead: addresses before its own where nobody is
            self.chip.resolver.mdns[entry["name"].lower() + ".local"] = ip
        users = None
        if entry.get("user"):
            users = {entry["user"].encode(): entry["password"].encode()}
        broker = BrokerHost(self.kernel, self.hosts[ip], entry["port"], Broker(users, _Ears(self, number)))
        broker.start()
        if "ws_port" in entry:
            from ...world.websocket import WebSocketHost
            WebSocketHost(broker, entry["ws_port"], idle_ms=WS_IDLE_MS)
        if "frames_port" in entry:
            from ...world.gateway import GatewayHost
            GatewayHost(broker, entry["frames_port"], ip)
        return broker

    def _timed(self, call, what):
        """The call, with a note in the history when it kept the chip from everything else."""
        def timed(*args):
            began_ms = self.kernel.now_ms
            try:
                return call(*args)
            finally:
                self._blocked(what, self.kernel.now_ms - began_ms)
        return timed

    def _blocked(self, what, ms):
        if ms >= BLOCK_MS:
            self.history.chip("block", "what", what, "ms", ms)

    def _dialled(self, ip, port):
        self.history.chip("dial", "ip", ip, "port", port)

    def _crowded(self, closing):
        self.history.chip("crowd", "closing", closing)

    def _radio(self, name, reason):
        self.moments.radio(name)
        if name == "disconnected":
            self.history.chip("radio", "what", name, "reason", reason)
        elif name == "got_ip" and self.chip.wifi.static is not None:
            self.history.chip("radio", "what", name, "static", True)
        else:
            self.history.chip("radio", "what", name)

    def announce(self, action):
        """New firmware for the node; its bundle is served from now on."""
        self.update = self.bundles[action["id"]]
        payload = self.update.announcement(action["id"], action["update"]["limit_s"])
        for broker in self.brokers:
            broker.broker.publish((self.prefix + "cmd/update").encode(), payload, 1, False)

    def move_lease(self, ip):
        """The router gives the chip another address from now on; nothing passes for the old one."""
        self.dhcp.lease = Lease(ip, gateway=GATEWAY, dns=(GATEWAY,), time_s=self.dhcp.lease.time_s)
        self.air.passes = self._passes_by_address

    def _passes_by_address(self):
        wifi = self.chip.wifi
        return (wifi.ip == self.dhcp.lease.ip or wifi.ap is not self.ap) and wifi.passes()

    def broker_hosts(self):
        """The machines brokers run on, each once."""
        hosts = []
        for broker in self.brokers:
            if broker.host not in hosts:
                hosts.append(broker.host)
        return hosts

    def rng(self, name):
        return rng_for(self.seed, name)
