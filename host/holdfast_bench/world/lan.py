"""Wired Ethernet: the cable, and the chip's interface to it as IDF's driver and MicroPython's port (network_lan.c) behave.

The driver looks at the link every two seconds, so plugging in and pulling out are noticed at one of its looks; what the port
tells is its last event, nothing more. May use: dhcp. Time through the kernel, chance through rng.
"""

from . import dhcp

INITIALIZED, STARTED, STOPPED, CONNECTED, DISCONNECTED, GOT_IP = range(6)  # the port's ETH_ constants, what status() gives
NAMES = ("initialized", "started", "stopped", "connected", "disconnected", "got_ip")
LOOK_MS = 2000          # check_link_period_ms of ETH_DEFAULT_CONFIG
NEGOTIATION_MS = 1400   # of 100BASE-TX, until the PHY says that the link is up; up to 600 ms more
STATIC_IP_MS = 4
ZERO = "0.0.0.0"

# What a program can see of the interface at a glance, in this order in view().
VIEW = ("made", "active", "status", "ip", "mask", "gateway", "is_static", "has_address")


class Cable:
    """What is at the other end: a switch with a DHCP server. `plugged` is the fault's business."""

    def __init__(self, dhcp_server):
        self.dhcp = dhcp_server
        self.plugged = True
        self.since_ms = -NEGOTIATION_MS * 2     # when it was plugged in
        self.interface = None

    def pull(self):
        self.plugged = False

    def plug(self):
        if not self.plugged:
            self.plugged = True
            self.since_ms = self.interface.kernel.now_ms


class Lan:
    """One Ethernet interface. `on_event(name)` hears of the driver's events; on_down() when the address is gone, with everything that uses
    it; on_dns(ip) when DHCP has named a server: there is one list for all interfaces."""

    prio = 50           # for the default route: a Wi-Fi station has 100

    def __init__(self, kernel, cable, rng, mac):
        self.kernel = kernel
        self.cable = cable
        self.rng = rng
        self.mac = mac
        self.on_event = lambda name: None
        self.on_address = lambda: None
        self.on_down = lambda: None
        self.on_dns = lambda ip: None
        self.dhcp = dhcp.Client(kernel, mac, self._reach_dhcp, self._bound, self._lost)
        self._look_event = None
        self._timer = None
        cable.interface = self
        self.reset()

    def reset(self):
        """As after a chip reset."""
        self.kernel.cancel(self._look_event)
        self.kernel.cancel(self._timer)
        self.dhcp.stop()
        self.made = False           # network.LAN() was called
        self.active = False
        self.status = INITIALIZED
        self.link = False
        self.static = None
        self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO

    def view(self):
        return [self.made, self.active, self.status, self.ip, self.mask, self.gateway, self.static is not None, self.has_address()]

    # --- what the port calls -------------------------------------------------------------------------------------------

    def make(self):
        self.made = True

    def start(self):
        if self.active:
            return
        self.active = True
        self._tell(STARTED)
        self._began_ms = self.kernel.now_ms
        self._negotiation_ms = NEGOTIATION_MS + self.rng.below(600)
        self._look_event = self.kernel.after(LOOK_MS, self._look)

    def stop(self):
        if not self.active:
            return
        self.active = False
        self.kernel.cancel(self._look_event)
        self._unlink()
        self._tell(STOPPED)

    def set_static(self, ip, mask, gateway):
        self.dhcp.stop()
        self.static = (ip, mask, gateway)
        self.ip, self.mask, self.gateway = self.static
        if self.link:
            self._tell(GOT_IP)

    def set_dhcp(self, restart):
        """Back to DHCP; False when it runs already, which the port takes for an error unless `restart`."""
        if self.dhcp.state != dhcp.NONE:
            return restart
        self.static = None
        self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO
        if self.link:
            self.dhcp.start()
        return True

    def passes(self):
        """Whether a frame gets through now. The driver's idea of the link lags behind."""
        return self.link and self.cable.plugged

    def has_address(self):
        return self.link and self.ip != ZERO

    # --- what the wire does --------------------------------------------------------------------------------------------

    def _look(self, _):
        self._look_event = self.kernel.after(LOOK_MS, self._look)
        there = self.cable.plugged and self.kernel.now_ms - max(self._began_ms, self.cable.since_ms) >= self._negotiation_ms
        if there and not self.link:
            self.link = True
            self._tell(CONNECTED)
            if self.static is not None:
                self.ip, self.mask, self.gateway = self.static
                self._timer = self.kernel.after(STATIC_IP_MS, self._static_up)
            else:
                self.dhcp.start()
        elif self.link and not there:
            self._unlink()
            self._tell(DISCONNECTED)

    def _static_up(self, _):
        self._tell(GOT_IP)

    def _unlink(self):
        had_address = self.has_address()
        self.link = False
        self.dhcp.stop()
        self.kernel.cancel(self._timer)
        if self.static is None:
            self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO
        if had_address:
            self.on_down()

    def _tell(self, status):
        self.status = status
        if status == GOT_IP:
            self.on_address()
        self.on_event(NAMES[status])

    def _reach_dhcp(self):
        return self.cable.dhcp if self.passes() else None

    def _bound(self, lease):
        self.ip, self.mask, self.gateway = lease.ip, lease.mask, lease.gateway
        if lease.dns:
            self.on_dns(lease.dns[0])
        self._tell(GOT_IP)

    def _lost(self):
        # Nobody tells the port: isconnected() stays True with the address 0.0.0.0.
        self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO
        self.on_down()
