"""The network behind the access points of twins: addresses, names, which real endpoints they lead to, and its faults.

Runs in the loop's thread. May use: world.tcp_host, world.air, bridge.
"""

from ..world.air import DROP, SYN, Blackhole, Forgotten, Rule
from ..world.tcp_host import Host
from .bridge import BridgeHost

PREFIX = "10.73.0."
GATEWAY = PREFIX + "1"
SECOND = "10.76.0."      # behind a second access point
WIRED = "10.74.0."       # behind a cable
MOBILE = "10.75.0."      # the operator's
FIRST_HOST = 2          # 10.73.0.2 …: hosts; boards have 10.73.0.100 …
FIRST_BOARD = 100
TTL_S = 60


class Network:
    """`host(ip)` is what the boards' TCP asks: the Host at an address, None where nobody in the own subnet answers ARP."""

    name_servers = (GATEWAY, SECOND + "1", WIRED + "1", MOBILE + "1")     # each router's

    def __init__(self, kernel, loop):
        self._kernel, self._loop = kernel, loop
        self.names = {}          # name -> (ip, ttl_s), as DNS gives it
        self.announced = {}      # name.local -> ip, by mDNS
        self._hosts = {}
        self._silent = Host(kernel)
        self._silent.up = False

    def host(self, ip):
        if ip in self._hosts:
            return self._hosts[ip]
        return None if ip.startswith(PREFIX) else self._silent

    def add(self, name, routes, udp=None):
        """A host called `name` (also name.local by mDNS) with routes {port: (real host, real port)}, for UDP likewise. -> BridgeHost, its
        ip as .ip. The same name again adds to its routes."""
        name = name.lower()
        if name in self.names:
            host = self._hosts[self.names[name][0]]
        else:
            ip = PREFIX + str(FIRST_HOST + len(self._hosts))
            host = self._hosts[ip] = BridgeHost(self._kernel, self._loop)
            host.ip = ip
            self.names[name] = (ip, TTL_S)
            self.announced[name if name.endswith(".local") else name + ".local"] = ip
        host.routes.update(routes)
        host.udp_routes.update(udp or {})
        return host

    def hosts(self):
        return [self._hosts[ip] for ip in sorted(self._hosts)]


class Faults:
    """What can go wrong between one board and everything behind its access point. Callable from any thread."""

    def __init__(self, host, silicon):
        self._host, self._silicon = host, silicon
        self._mode, self._rule = "pass", None
        self._began = 0          # frames lost, SYNs refused or connections cut before the fault

    def set_mode(self, mode):
        """"pass"; "blackhole": frames vanish in both directions; "refuse": every SYN is answered by RST, standing connections
        are reset. Flows that a blackhole leaves alive go on with TCP's own back-off when it ends."""
        self._host.call(self._set_mode, mode)

    def _set_mode(self, mode):
        if mode not in ("pass", "blackhole", "refuse"):
            raise ValueError("no network mode %r" % mode)
        air = self._silicon.air
        air.remove(self._rule)
        self._rule = None
        self._began = self._count(mode)
        if mode == "blackhole":
            self._rule = air.add(Blackhole())
        elif mode == "refuse":
            self._rule = air.add(Refuse(self._silicon.stack))
            self._rule.cut_all()
            self._began = 0
        self._mode = mode

    def forget_flows(self):
        """Connections that stand are dead without a sign, new ones work: a router has lost its table."""
        def forget():
            rule = Forgotten(self._silicon.stack.flows)
            self._forgot = len(rule.flows)
            self._silicon.air.add(rule)
        self._host.call(forget)

    def evidence(self, what):
        """What shows that the fault ("blackhole", "refuse", "forgotten") took effect, in words; None while nothing does."""
        return self._host.call(self._evidence, what)

    def _evidence(self, what):
        if what == "forgotten":
            return "%d connections forgotten" % self._forgot if getattr(self, "_forgot", 0) else None
        n = self._count(what) - self._began
        if what != self._mode or n <= 0:
            return None
        return "%d frames swallowed" % n if what == "blackhole" else "%d connections reset or refused" % n

    def _count(self, what):
        if what == "refuse":
            return self._rule.refused if isinstance(self._rule, Refuse) else 0
        return self._silicon.air.lost


class Refuse(Rule):
    """Answers every SYN with RST, on behalf of whoever was called."""

    def __init__(self, stack):
        super().__init__()
        self._stack = stack
        self.refused = 0

    def on_frame(self, frame, now_ms):
        if frame.kind != SYN:
            return 0
        self.refused += 1
        flow = frame.flow
        flow.kernel.after(flow.air.delay_ms, flow.reset, None)
        return DROP

    def cut_all(self):
        """RST in both directions for every connection there is."""
        for flow in list(self._stack.flows):
            peer = flow.other
            self.refused += 1
            if peer is not None:
                peer.reset(None)
            flow.reset(None)
