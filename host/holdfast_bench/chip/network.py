"""network, as on the ESP32: WLAN in front of the station model, with the port's errors and their texts.

The access-point interface is up or not, with name and key; whoever is "in range" reaches the chip's ports then. Its DHCP server is taken for granted. Ethernet is in lan.py,
PPP in ppp.py, loaded where the world has a cable or a modem.
"""

from ..world.station import VIEW
from ..world.wifi import INVALID_ARG, INVALID_MODE, NOT_STARTED, WifiError
from .soc import chip

STA_IF = 0
AP_IF = 1
AUTH_OPEN, AUTH_WEP, AUTH_WPA_PSK, AUTH_WPA2_PSK, AUTH_WPA_WPA2_PSK, AUTH_WPA2_ENTERPRISE = 0, 1, 2, 3, 4, 5
AUTH_WPA3_PSK, AUTH_WPA2_WPA3_PSK, AUTH_WAPI_PSK, AUTH_OWE, AUTH_WPA3_ENT_192, AUTH_WPA3_EXT_PSK = 6, 7, 8, 9, 10, 11
AUTH_WPA3_EXT_PSK_MIXED_MODE, AUTH_MAX = 12, 16
MODE_11B, MODE_11G, MODE_11N, MODE_LR = 1, 2, 4, 8
PHY_LAN8710, PHY_LAN8720, PHY_IP101, PHY_RTL8201, PHY_DP83848, PHY_KSZ8041, PHY_KSZ8081 = range(7)
PHY_KSZ8851SNL, PHY_DM9051, PHY_W5500 = 100, 101, 102
ETH_INITIALIZED, ETH_STARTED, ETH_STOPPED, ETH_CONNECTED, ETH_DISCONNECTED, ETH_GOT_IP = range(6)
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = STAT_CONNECT_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204
STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY = 210
STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD = 211
STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD = 212

_TX_STEPS = (8, 20, 28, 44, 52, 56, 60, 66, 72, 78, 80)   # quarter dBm the driver knows: 8.5 dBm reads back as 7

_kernel = chip.kernel
_station = chip.station     # its VIEW comes in one piece: _see() takes a fresh one
_settings = {"country": "XX", "hostname": "mpy-esp32"}


class _View:
    """The station's view by name; refreshed before each use."""


_now = _View()


def _see():
    values = _station.view()
    for i, name in enumerate(VIEW):
        setattr(_now, name, values[i])
    return _now


def _raise(e):
    what = e.what
    if isinstance(what, int):
        raise RuntimeError("Wifi Unknown Error 0x%04x" % what)
    raise OSError(what)


def _text(value):
    if not isinstance(value, (str, bytes, bytearray)):
        raise TypeError("can't convert '%s' object to str implicitly" % type(value).__name__)
    return value if isinstance(value, str) else bytes(value).decode()


def _cut(value, limit):
    """Text of at most `limit` bytes; what is longer is silently cut."""
    if value is None:
        return ""
    return _text(value).encode()[:limit].decode()


class WLAN:
    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    SEC_OPEN, SEC_WEP, SEC_WPA, SEC_WPA2, SEC_WPA_WPA2, SEC_WPA2_ENT, SEC_WPA3, SEC_WPA2_WPA3 = 0, 1, 2, 3, 4, 5, 6, 7
    SEC_WAPI, SEC_OWE, SEC_WPA3_ENT_192, SEC_WPA3_EXT_PSK, SEC_WPA3_EXT_PSK_MIXED_MODE = 8, 9, 10, 11, 12
    SEC_DPP, SEC_WPA3_ENT, SEC_WPA2_WPA3_ENT = 13, 14, 15

    def __new__(cls, interface=0):
        if _once[0]:
            _once[0] = False
            _wait(140)
        if interface not in (STA_IF, AP_IF):
            raise ValueError("invalid WLAN interface identifier")
        return _ap if interface else _sta

    def active(self, on=None):
        _kernel.spend_us(100)
        now = _see()
        if on is None:
            return now.started
        if on and not now.started:
            # The port spins here until the driver says so: nothing gets through meanwhile.
            _wait(16 if now.mode_set else 380)
            _station.start()
        elif not on and now.started:
            _wait(24)
            _station.stop()
        return bool(on)

    def connect(self, ssid=None, key=None, *, bssid=None):
        _kernel.spend_us(5000)
        config = None
        if ssid is not None or key is not None or bssid is not None:
            if bssid is not None:
                bssid = bytes(bssid)
                if len(bssid) != 6:
                    raise ValueError
            config = _cut(ssid, 32), _cut(key, 64), bssid
        try:
            _station.connect(config)
        except WifiError as e:
            _raise(e)

    def disconnect(self):
        _kernel.spend_us(2000)
        try:
            _station.disconnect()
        except WifiError as e:
            _raise(e)

    def status(self, what=None):
        _kernel.spend_us(20)
        if what is None:
            return _station.status()
        if what == "rssi":
            try:
                return _station.rssi()
            except WifiError as e:
                _raise(e)
        if what == "stations":
            raise OSError("AP required")
        raise ValueError("unknown status param")

    def isconnected(self):
        _kernel.spend_us(20)
        return _station.is_connected()

    def scan(self):
        now = _see()
        if not now.started:
            raise OSError("STA must be active")
        if now.busy:
            _wait(4)
            return []
        _wait(2900 if now.connected else 2480)
        return _station.scan()

    def config(self, *args, **settings):
        _kernel.spend_us(200)
        if args and settings:
            raise TypeError("either pos or kw args are allowed")
        if settings:
            try:
                for name in sorted(settings):
                    self._set(name, settings[name])
                if not _see().mode_set:
                    raise WifiError(INVALID_MODE)
            except WifiError as e:
                _raise(e)
            return
        if len(args) != 1:
            raise TypeError("can query only one param")
        return self._get(args[0])

    def _set(self, name, value):
        if name == "reconnects":
            _station.configure("reconnects", value)
        elif name == "pm":
            if not 0 <= value <= 2:
                raise WifiError(INVALID_ARG)
            _station.configure("pm", value)
        elif name == "txpower":
            if not _see().started:
                raise WifiError(NOT_STARTED)
            quarters = int(value * 4)
            if not 8 <= quarters <= 84:
                raise WifiError(INVALID_ARG)
            _station.configure("txpower", [q for q in _TX_STEPS if q <= quarters][-1])
        elif name in ("hostname", "dhcp_hostname"):
            hostname(value)
        elif name == "channel":
            _station.configure("channel", value)
        elif name == "mac":
            if len(bytes(value)) != 6:
                raise ValueError("invalid buffer length")
            chip.mac = bytes(value)
        elif name == "protocol":
            pass
        elif name in ("ssid", "essid", "hidden", "security", "authmode", "key", "password", "max_clients"):
            raise OSError("AP required")
        else:
            raise ValueError("unknown config param")

    def _get(self, name):
        if name == "mac":
            return chip.mac
        if name in ("ssid", "essid"):
            return _see().ssid
        if name == "channel":
            return _see().channel if _now.mode_set else 0
        if name == "reconnects":
            return _see().reconnects
        if name == "pm":
            return _see().pm
        if name in ("hostname", "dhcp_hostname"):
            return _settings["hostname"]
        if name == "protocol":
            return 7
        if name == "txpower":
            if not _see().started:
                raise OSError(NOT_STARTED)
            return _now.txpower * 0.25
        if name in ("hidden", "security", "authmode", "max_clients"):
            raise OSError("AP required")
        raise ValueError("unknown config param")

    def ifconfig(self, new=None):
        _kernel.spend_us(300)
        if new is None:
            return _station.address()
        if new == "dhcp":
            try:
                _station.set_dhcp(False)
            except WifiError as e:
                _raise(e)
            return
        if not isinstance(new, (tuple, list)):
            raise ValueError("invalid arguments")
        if len(new) != 4:
            raise ValueError("requested length 4 but object has length %d" % len(new))
        for part in new:
            if not _is_ip(part):
                raise ValueError("invalid arguments")
        _station.set_static(*new)

    def ipconfig(self, what=None, **settings):
        _kernel.spend_us(300)
        now = _see()
        return ip_settings(now, what, settings, _station.set_dhcp, lambda ip, mask, gateway: _station.set_static(ip, mask, gateway, None),
                           lambda gateway: _station.configure("gateway", gateway))

    def __repr__(self):
        return "<WLAN>"


class _AccessPoint:
    """WLAN(AP_IF): a name, a key, up or not."""

    def __init__(self):
        self.clear()

    def clear(self):
        self._on = False
        self._settings = {"ssid": "ESP_" + "".join(["%02X" % b for b in chip.mac[3:]]), "key": "", "security": 0, "hidden": False, "channel": 1, "max_clients": 10}

    def active(self, on=None):
        _kernel.spend_us(100)
        if on is not None and bool(on) != self._on:
            _wait(60 if on else 24)
            self._on = bool(on)
            self._tell()
        return self._on

    def _tell(self):
        _station.configure("soft_ap", [self._settings["ssid"], self._settings["key"]] if self._on else None)

    def status(self, what=None):
        return None

    def isconnected(self):
        return False

    def ifconfig(self, new=None):
        return "192.168.4.1", "255.255.255.0", "192.168.4.1", "0.0.0.0"

    def config(self, *args, **settings):
        _kernel.spend_us(200)
        if args and settings:
            raise TypeError("either pos or kw args are allowed")
        names = {"essid": "ssid", "password": "key", "authmode": "security"}
        if args:
            name = names.get(args[0], args[0])
            if name == "mac":
                return chip.mac[:5] + bytes([chip.mac[5] + 1 & 255])
            if name == "key" or name not in self._settings:
                raise ValueError("unknown config param")
            return self._settings[name]
        for name in sorted(settings):
            value = settings[name]
            name = names.get(name, name)
            if name not in self._settings:
                raise ValueError("unknown config param")
            self._settings[name] = _cut(value, 32 if name == "ssid" else 64) if name in ("ssid", "key") else value
        if not self._on:
            raise OSError("Wifi Invalid Mode")
        if self._settings["security"] and len(self._settings["key"]) < 8:
            raise OSError("Wifi Invalid Password")
        self._tell()

    def __repr__(self):
        return "<WLAN>"


def LAN(id=None, **settings):
    """The one Ethernet interface; a second call gives the same object, whatever its arguments. It is a function in the port, too."""
    if chip.lan is None:
        _wait(600)      # the driver waits for a PHY that is not there
        raise OSError("esp_eth_driver_install failed")
    return lan.get(id, settings)


def PPP(stream):
    """PPP over a serial line; a class in the port."""
    if chip.ppp is None:
        raise OSError("pppos_create failed")    # a board of ours without a modem knows none
    return ppp.PPP(stream)


def ip_settings(now, what, settings, set_dhcp, set_static, set_gateway=None):
    """ipconfig() of an interface whose view is `now`: the answer to a question, or the settings made."""
    if what == "addr4":
        return now.ip, now.mask
    if what == "gw4":
        return now.gateway
    if what == "dhcp4":
        return not now.is_static
    if what == "has_dhcp4":
        return not now.is_static and now.ip != "0.0.0.0"
    if what is not None:
        raise ValueError("unexpected key")
    if settings.get("dhcp4"):
        set_dhcp(True)
    if "addr4" in settings:
        addr = settings["addr4"]
        ip, mask = addr if isinstance(addr, tuple) else _split(addr)
        set_static(ip, mask, settings.get("gw4", now.gateway))
    elif "gw4" in settings and set_gateway:
        set_gateway(settings["gw4"])


def _is_ip(text):
    parts = text.split(".") if isinstance(text, str) else ()
    return len(parts) == 4 and all([p.isdigit() and int(p) < 256 for p in parts])


def _split(addr):
    ip, _, bits = addr.partition("/")
    mask = (0xFFFFFFFF << (32 - int(bits or 32))) & 0xFFFFFFFF
    return ip, "%d.%d.%d.%d" % (mask >> 24, mask >> 16 & 255, mask >> 8 & 255, mask & 255)


def _wait(ms):
    """A driver call: nothing gets through meanwhile."""
    _kernel.wait(_kernel.now_ms + ms)
    if chip.on_block is not None:
        chip.on_block("radio", ms)


def ipconfig(what=None, **settings):
    if what == "dns":
        return _see().dns
    if what is not None:
        raise ValueError("unexpected key")
    if "dns" in settings:
        _station.configure("dns", settings["dns"])


def country(code=None):
    if code is None:
        return _settings["country"]
    if len(code) != 2:
        raise ValueError
    _settings["country"] = code


def hostname(name=None):
    if name is None:
        return _settings["hostname"]
    if len(_text(name)) > 32:
        raise ValueError
    _settings["hostname"] = _text(name)


def phy_mode(mode=None):
    return None


_once = [True]
_sta = object.__new__(WLAN)
_ap = _AccessPoint()


def _end(kind):
    if kind != "soft":
        _once[0] = True
        _ap.clear()
        _settings["country"], _settings["hostname"] = "XX", "mpy-esp32"


chip.enders.append(_end)
if chip.lan is not None:
    from . import lan
if chip.ppp is not None:
    from . import ppp
