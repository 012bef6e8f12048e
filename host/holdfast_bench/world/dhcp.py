"""DHCP: the server behind an access point, and the client in the chip's network interface.

The client follows lwIP: DISCOVER again after 2, 4, 8, 16, 32, 60, 60 … s; the offered address is checked with ARP for a
second before it is used; renewal at half of the lease, and when the lease runs out the address is gone although nobody
tells Wi-Fi so.
"""

ARP_CHECK_MS = 1000   # two probes of 500 ms
ANSWER_MS = 5         # round trip to the server in the access point

NONE, ASKING, CHECKING, BOUND = range(4)
STATES = ("none", "asking", "checking", "bound")


class Lease:
    """What a DHCP server hands out."""

    def __init__(self, ip, mask="255.255.255.0", gateway="10.73.0.1", dns=("10.73.0.1",), time_s=7200):
        self.ip = ip
        self.mask = mask
        self.gateway = gateway
        self.dns = dns
        self.time_s = time_s


class Server:
    """Hands every station its lease (by MAC, else `lease`). `silent` is the fault: no answer at all."""

    def __init__(self, lease):
        self.lease = lease
        self.silent = False

    def ask(self, mac):
        """The lease for this station, or None when it does not answer."""
        return None if self.silent else self.lease


class Client:
    """The state machine of one interface. `reach()` gives the server that can be reached now, or None; on_bound(lease) and
    on_lost() tell the interface."""

    def __init__(self, kernel, mac, reach, on_bound, on_lost):
        self.kernel = kernel
        self.mac = mac
        self.reach = reach
        self.on_bound = on_bound
        self.on_lost = on_lost
        self.state = NONE
        self.lease = None
        self.tries = 0
        self._timer = None
        self._ends_at_ms = 0

    def start(self):
        """(Re)start from nothing, as when the interface comes up."""
        self.stop()
        self.state = ASKING
        self._discover(None)

    def stop(self):
        self.kernel.cancel(self._timer)
        self.state, self.lease, self.tries = NONE, None, 0

    def _ask(self):
        server = self.reach()
        return server.ask(self.mac) if server is not None else None

    def _discover(self, _):
        lease = self._ask()
        if lease is not None:
            self.state = CHECKING
            self._timer = self.kernel.after(2 * ANSWER_MS + ARP_CHECK_MS, self._bind, lease)
            return
        self.tries += 1
        wait_s = 1 << self.tries if self.tries < 6 else 60
        self._timer = self.kernel.after(wait_s * 1000, self._discover)

    def _bind(self, lease):
        self.state, self.lease, self.tries = BOUND, lease, 0
        self._hold(lease)
        self.on_bound(lease)

    def _hold(self, lease):
        self._ends_at_ms = self.kernel.now_ms + lease.time_s * 1000
        self._timer = self.kernel.after(lease.time_s * 500, self._renew)

    def _renew(self, _):
        lease = self._ask()
        if lease is not None and lease.ip == self.lease.ip:
            self.lease = lease
            self._hold(lease)
            return
        left_ms = self._ends_at_ms - self.kernel.now_ms
        if lease is not None or left_ms <= 0:
            # Refused (the server gives another address now), or nobody answered until the end.
            self.on_lost()
            self.start()
            return
        self._timer = self.kernel.after(min(left_ms, max(60000, left_ms // 2)), self._renew)
