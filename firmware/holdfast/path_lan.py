# path_lan.py - wired Ethernet as a path (R25). Loaded only where `paths` names it; the contract is in path.py.
# May import: network, machine.   Time: its caller waits.   Blocks: making it for 0.3 s, once; all else under 1 ms.
#
# The port tells the driver's last event and nothing more: a lease that was lost shows only in the address. It looks at the link every 2 s.
from micropython import const
from time import ticks_diff, ticks_ms
from machine import Pin
import network

_NO_ADDRESS = const("0.0.0.0")
_LINK_MS = const(6000)  # after it was switched on: until the link is up, at most
_DHCP_MS = const(20000)


class Lan:
    settling = False
    wide = True
    standing = True  # it is up by itself, and stays
    ping_s = None

    # given: checked settings phy, addr, mdc, mdio, power, reset, ref_clk, ref_clk_mode, static.
    def __init__(self, given):
        self._static = given["static"]
        named = {"phy_type": getattr(network, "PHY_" + given["phy"]), "phy_addr": given["addr"]}
        for name in ("mdc", "mdio", "power", "reset", "ref_clk"):
            if given[name] is not None:
                named[name] = Pin(given[name])
        if given["ref_clk_mode"]:
            named["ref_clk_mode"] = Pin.OUT if given["ref_clk_mode"] == "out" else Pin.IN
        self._named = named
        self._lan = None
        self._on_at = 0
        self.fault = None  # why there is no interface

    # Switches the interface on, and leaves it on: whether the cable is in then costs nothing to know.
    def _on(self):
        try:
            if not self._lan:
                self._lan = network.LAN(**self._named)
                if self._static:
                    self._lan.ifconfig(tuple(self._static))
            if not self._lan.active():
                self._lan.active(True)
                self._on_at = ticks_ms()
            self.fault = None
            return True
        except (OSError, RuntimeError, ValueError) as e:
            self.fault = repr(e)
            return False

    def up(self):
        lan = self._lan
        return bool(lan) and lan.isconnected() and lan.ifconfig()[0] != _NO_ADDRESS

    def address(self):
        return self._lan.ifconfig()[0]

    def dns(self):
        return self._lan.ifconfig()[3]

    def rssi(self):
        return None

    # Without a link there is nothing to wait for, unless it was switched on just now.
    def begin(self):
        if not self._on():
            return 0
        if self._lan.status() == network.ETH_CONNECTED:
            return _DHCP_MS
        return max(_LINK_MS - ticks_diff(ticks_ms(), self._on_at), 0)

    def associating(self, gone_ms, limit):
        if self._lan and self._lan.status() == network.ETH_CONNECTED:
            limit = _DHCP_MS
        return gone_ms < limit

    def learn(self, took_ms):
        pass

    def stale(self):
        return False

    def forget(self):
        pass

    def close(self):
        pass

    def cycle(self):
        if self._lan:
            self._lan.active(False)
