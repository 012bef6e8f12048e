"""The network behind the access points of twins: addresses, names, and which real endpoints they lead to.

Runs in the loop's thread. May use: world.tcp_host, bridge.
"""

from ..world.tcp_host import Host
from .bridge import BridgeHost

PREFIX = "10.73.0."
GATEWAY = PREFIX + "1"
FIRST_HOST = 2          # 10.73.0.2 …: hosts; boards have 10.73.0.100 …
FIRST_BOARD = 100
TTL_S = 60


class Network:
    """`host(ip)` is what the boards' TCP asks: the Host at an address, None where nobody in the own subnet answers ARP."""

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

    def add(self, name, routes):
        """A host called `name` (also name.local by mDNS) with routes {port: (real host, real port)}. -> BridgeHost, its ip as
        .ip. The same name again adds to its routes."""
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
        return host

    def hosts(self):
        return [self._hosts[ip] for ip in sorted(self._hosts)]
