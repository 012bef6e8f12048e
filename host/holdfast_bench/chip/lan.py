"""network.LAN, as on the ESP32 (network_lan.c): Ethernet in front of the model in world/lan.py, with the port's errors and their texts.

Loaded by network.py where the world has a cable. May use: soc, machine's Pin, network.
"""

from ..world.lan import GOT_IP, VIEW
from ..world.station import VIEW as _STATION
from .machine import Pin
from .network import ip_settings
from .soc import chip

_kernel = chip.kernel
_PHYS = (0, 1, 2, 3, 4, 5, 6, 100, 101, 102)
_SPI = 100              # numbers from here on are chips behind SPI
_MDC = ("mdc", "mdio")
_ARGS = _MDC + ("reset", "power", "phy_addr", "phy_type", "spi", "cs", "int", "ref_clk_mode", "ref_clk")


class _View:
    """The interface's view by name."""


_now = _View()


def _see():
    values = chip.lan.view()
    for i, name in enumerate(VIEW):
        setattr(_now, name, values[i])
    return _now


def get(id, settings):
    if _see().made:
        return _lan
    for name in sorted(settings):
        if name not in _ARGS:
            raise TypeError("extra keyword arguments given")
    for name in ("phy_addr", "phy_type"):
        if name not in settings:
            raise TypeError("'%s' argument required" % name)
    if id is not None and int(id) != 0:
        raise ValueError("invalid LAN interface identifier")
    for name in _MDC + ("reset", "power", "cs", "int", "ref_clk"):
        if settings.get(name) is not None and not isinstance(settings[name], Pin):
            raise ValueError("expecting a pin")
    if not 0 <= settings["phy_addr"] <= 31:
        raise ValueError("invalid phy address")
    if settings["phy_type"] not in _PHYS:
        raise ValueError("invalid phy type")
    if settings.get("power") is not None:
        _kernel.wait(_kernel.now_ms + 100)      # lets the PHY's supply settle
    if settings["phy_type"] < _SPI and [name for name in _MDC if settings.get(name) is None]:
        raise ValueError("mdc and mdio must be specified")
    _kernel.wait(_kernel.now_ms + 120)          # PHY reset and identification
    chip.lan.make()
    return _lan


class LAN:
    def active(self, on=None):
        _kernel.spend_us(100)
        if on is not None:
            if on:
                chip.lan.start()
            else:
                chip.lan.stop()
        return _see().active

    def isconnected(self):
        _kernel.spend_us(20)
        return _see().active and _now.status == GOT_IP

    def status(self):
        _kernel.spend_us(20)
        return _see().status

    def config(self, *args, **settings):
        _kernel.spend_us(100)
        if args and settings:
            raise TypeError("either pos or kw args are allowed")
        if settings:
            return                              # names that it does not know are ignored
        if len(args) != 1:
            raise TypeError("can query only one param")
        if args[0] == "mac":
            return chip.mac[:5] + bytes((chip.mac[5] + 3 & 255,))    # station, soft AP, Bluetooth, Ethernet
        if args[0] == "ifname":
            return "en1"
        raise ValueError("unknown config param")

    def ifconfig(self, new=None):
        _kernel.spend_us(300)
        now = _see()
        if new is None:
            return now.ip, now.mask, now.gateway, chip.station.view()[_DNS]
        if new == "dhcp":
            if not chip.lan.set_dhcp(False):
                raise RuntimeError("Wifi Unknown Error 0x5004")     # one helper raises for all interfaces
            return
        if not isinstance(new, (tuple, list)):
            raise ValueError("invalid arguments")
        if len(new) != 4:
            raise ValueError("requested length 4 but object has length %d" % len(new))
        chip.lan.set_static(new[0], new[1], new[2])
        chip.station.configure("dns", new[3])

    def ipconfig(self, what=None, **settings):
        _kernel.spend_us(300)
        return ip_settings(_see(), what, settings, chip.lan.set_dhcp, chip.lan.set_static)

    def __repr__(self):
        return "<LAN>"


_DNS = _STATION.index("dns")
_lan = LAN()
