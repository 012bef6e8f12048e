# path.py - the Wi-Fi path: associate, remember channel and lease, notice loss, cycle the radio.
# May import: network.   Time: its caller waits; stamps are handed in.
# Blocks: active() for 10-400 ms, without limit when the driver hangs (the watchdog ends that); all else under 5 ms.
#
# Contract of a path (R43): up() asks, begin() and associating() make one attempt, learn() ends it well, close() ends it,
# cycle() is the last resort. The driver's own reconnecting is switched off: it knows no back-off and collides with connect().
from micropython import const
from struct import pack
import network

_NOTHING = "0.0.0.0"
_NO_AP = const(201)
_SCAN_MS = const(2700)  # a scan of all channels is over by then; before that a 201 may be a stale one
_QUICK_MS = const(400)  # long enough to find the access point on the channel where it was
_DHCP_MS = const(20000)
_DRIVER = (OSError, RuntimeError)  # strings, numbers, "Wifi Unknown Error 0x...": all mean try again
# In the resume record: network in use; BSSID, channel (0: unknown); address, gateway, DNS server, prefix length and the
# stamp when that lease was given (0: none).
_NETWORK = const(39)
_RADIO = const(56)
_RADIO_FORM = "6sB"
_LEASE = const(63)
_LEASE_FORM = ">4s4s4sBI"


def _packed(address):
    return bytes([int(n) for n in address.split(".")])


def _text(packed):
    return ".".join([str(n) for n in packed])


# Calls the driver; None when it refuses.
def _try(call, *args, **named):
    try:
        return call(*args, **named)
    except _DRIVER:
        return None


class Wifi:
    # cfg: checked settings (wifi, wifi_pm, wifi_join_ms, lease_s). stamp: () -> stamp of now.
    def __init__(self, cfg, block, stamp):
        self._cfg = cfg
        self._block = block
        self._stamp = stamp
        self._net = block.peek(_NETWORK, "B")[0] % len(cfg["wifi"])
        self._told = False  # does the driver know the network? (connect() with arguments, in this life)
        self._leased = False  # is the address a remembered one?
        self.wlan = network.WLAN(network.STA_IF)
        _try(self.wlan.config, reconnects=0)  # takes effect even where it raises: when the interface is not active yet

    # Only a question. isconnected() alone stays true when the lease is lost.
    def up(self):
        return self.wlan.isconnected() and self.wlan.ifconfig()[0] != _NOTHING

    def address(self):
        return self.wlan.ifconfig()[0]

    # Starts an attempt. quick: only look on the channel where the access point was; else everywhere, with a new lease.
    # Returns how long, in ms, association may take.
    def begin(self, quick):
        wlan = self.wlan
        if not wlan.active():
            wlan.active(True)
            self._told = False
        _try(wlan.config, reconnects=0)
        _try(wlan.config, pm=self._cfg["wifi_pm"])
        net = self._cfg["wifi"][self._net]
        bssid, channel = self._block.peek(_RADIO, _RADIO_FORM)
        quick = quick and channel
        _try(wlan.disconnect)  # ends a scan that is under way; and connect() to another network would be ignored
        self._set_address(net, quick)
        if not (quick and self._told):
            named = {"bssid": net["bssid"]} if net["bssid"] else {}
            # Raising does not mean failing: the driver has taken the network over and may join it all the same.
            _try(wlan.connect, net["ssid"], net["key"], **named)
            self._told = True
            if quick:
                _try(wlan.disconnect)
        if quick:
            # The next scan begins at this channel; connect() with arguments would forget it.
            _try(wlan.config, channel=channel)
            _try(wlan.connect)
            return _QUICK_MS
        return self._cfg["wifi_join_ms"]

    def _set_address(self, net, quick):
        ip, gateway, dns, prefix, since = self._block.peek(_LEASE, _LEASE_FORM)
        self._leased = bool(quick and since and self._stamp() - since < self._cfg["lease_s"] * 10)
        if net["static"]:
            _try(self.wlan.ifconfig, tuple(net["static"]))
        elif self._leased:
            mask = pack(">I", (0xFFFFFFFF << 32 - prefix) & 0xFFFFFFFF)
            _try(self.wlan.ifconfig, (_text(ip), _text(mask), _text(gateway), _text(dns)))
        else:
            _try(self.wlan.ifconfig, "dhcp")

    # May the attempt still succeed, gone_ms after begin() said `limit`? An access point that has let us in gets time for
    # its DHCP answer.
    def associating(self, gone_ms, limit):
        if _try(self.wlan.status, "rssi") is not None:
            return gone_ms < _DHCP_MS
        return gone_ms < limit and not (gone_ms > _SCAN_MS and self.wlan.status() == _NO_AP)

    # The path is up: remembers how, for the next time.
    def learn(self):
        block = self._block
        block.poke(_NETWORK, "B", self._net)
        block.poke(_RADIO, _RADIO_FORM, self._cfg["wifi"][self._net]["bssid"] or b"", _try(self.wlan.config, "channel") or 0)
        if not self._leased:
            ip, mask, gateway, dns = [_packed(a) for a in self.wlan.ifconfig()]
            prefix = sum([bin(n).count("1") for n in mask])
            block.poke(_LEASE, _LEASE_FORM, ip, gateway, dns, prefix, self._stamp())

    # Has a remembered address been used for as long as it may? The next attempt then asks for a new one.
    def stale(self):
        return self._leased and self._stamp() - self._block.peek(_LEASE, _LEASE_FORM)[4] >= self._cfg["lease_s"] * 10

    # The next attempt takes neither channel nor address for granted.
    def forget(self):
        self._block.poke(_RADIO + 6, "B", 0)

    # A full attempt failed: the next one is at the next network.
    def rotate(self):
        if len(self._cfg["wifi"]) > 1:
            self._net = (self._net + 1) % len(self._cfg["wifi"])
            self._told = False
            self.forget()

    def close(self):
        _try(self.wlan.disconnect)

    # Radio off; begin() switches it on.
    def cycle(self):
        _try(self.wlan.active, False)
        self.forget()
