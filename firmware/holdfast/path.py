# path.py - the Wi-Fi path: associate, remember channel and lease, notice loss, cycle the radio.
# May import: network.   Time: its caller waits; stamps are handed in.
# Blocks: active() for 10-400 ms, without limit when the driver hangs (the watchdog ends that); all else under 5 ms.
#
# Contract of a path (R43): up() asks, begin() and associating() make one attempt, learn() ends it well, close() ends it,
# cycle() is the last resort. The driver's own reconnecting is switched off: it knows no back-off and collides with connect().
from micropython import const
from struct import pack
import network

_NO_ADDRESS = const("0.0.0.0")
_NO_AP = const(201)
_SCAN_MS = const(2700)  # a scan of all channels is over by then; before that a 201 may be a stale one
_QUICK_MS = const(650)  # for finding the access point on the channel where it was, and joining; less where that was seen to be enough
_QUICKEST_MS = const(250)
_CHANNEL_MS = const(120)  # for looking at one channel
_DHCP_MS = const(20000)
_DRIVER = (OSError, RuntimeError)  # strings, numbers, "Wifi Unknown Error 0x...": all mean try again
# In the resume record: network in use; BSSID, channel (0: unknown); address, gateway, DNS server, prefix length and the
# stamp when that lease was given (0: none).
_NETWORK = const(39)
_RADIO = const(56)
_RADIO_FORM = const("6sB")
_LEASE = const(63)
_LEASE_FORM = const(">4s4s4sBI")


def _packed(address):
    return bytes(map(int, address.split(".")))


def _text(packed):
    return "%d.%d.%d.%d" % tuple(packed)


# Calls the driver; None when it refuses.
def _try(call, *args, **named):
    try:
        return call(*args, **named)
    except _DRIVER:
        return None


class Wifi:
    many = False  # it is the only path

    # cfg: checked settings (wifi, wifi_pm, wifi_join_ms, lease_s). stamp: () -> stamp of now.
    def __init__(self, cfg, block, stamp):
        self._cfg = cfg
        self._block = block
        self._stamp = stamp
        self.net = block.peek(_NETWORK, "B")[0] % len(cfg["wifi"])
        self._told = False  # does the driver know the network? (connect() with arguments, in this life)
        self.leased = False  # is the address a remembered one?
        self._tries = 0  # since the path was up
        self._quick_ms = _QUICK_MS
        self._walked = self.wide = True
        self._let_in_ms = 0
        self._closed = False  # disconnect() takes effect a little later: not up until begin()
        self.settling = False  # the driver may still say that it is connected, which will soon be over
        self.wlan = network.WLAN(network.STA_IF)
        _try(self.wlan.config, reconnects=0)  # takes effect even where it raises: when the interface is not active yet

    # Only a question. isconnected() alone stays true when the lease is lost.
    def up(self):
        return not self._closed and self.wlan.isconnected() and self.wlan.ifconfig()[0] != _NO_ADDRESS

    def address(self):
        return self.wlan.ifconfig()[0]

    # Signal in dBm, None when not associated.
    def rssi(self):
        return _try(self.wlan.status, "rssi")

    # Starts an attempt. Returns how long, in ms, association may take: most attempts only look on the channel where the
    # access point was, and join; some give it more time, and some, the second for one, enough to look everywhere.
    def begin(self):
        wlan = self.wlan
        self._closed = False
        if not wlan.active():
            wlan.active(True)
            self._told = False
        _try(wlan.config, reconnects=0)
        _try(wlan.config, pm=self._cfg["wifi_pm"])
        net = self._cfg["wifi"][self.net]
        bssid, channel = self._block.peek(_RADIO, _RADIO_FORM)
        self.settling = wlan.isconnected()
        _try(wlan.disconnect)  # ends a scan that is under way; and connect() to another network would be ignored
        self._set_address(net)
        told = self._told
        if not told:
            named = {"bssid": net["bssid"]} if net["bssid"] else {}
            # Raising does not mean failing: the driver has taken the network over and may join it all the same.
            _try(wlan.connect, net["ssid"], net["key"], **named)
            self._told = True
            if channel:
                _try(wlan.disconnect)
        if channel:
            _try(wlan.config, channel=channel)  # where the scan begins; connect() with arguments forgets it
        if channel or told:
            _try(wlan.connect)
        self._let_in_ms = 0
        n = self._tries
        self._tries = n + 1
        self._walked = not channel  # over the channels from the first one on
        self.wide = not channel or n % 48 == 1
        return self._cfg["wifi_join_ms"] if self.wide else _QUICK_MS * 2 if n % 16 == 5 else self._quick_ms

    def _set_address(self, net):
        ip, gateway, dns, prefix, since = self._block.peek(_LEASE, _LEASE_FORM)
        # One that is younger than now has an unknown age: stamps went back, because the clock was set just before a reset.
        self.leased = bool(since and 0 <= self._stamp() - since < self._cfg["lease_s"] * 10)
        if net["static"]:
            _try(self.wlan.ifconfig, tuple(net["static"]))
        elif self.leased:
            mask = pack(">I", (0xFFFFFFFF << 32 - prefix) & 0xFFFFFFFF)
            _try(self.wlan.ifconfig, (_text(ip), _text(mask), _text(gateway), _text(dns)))
        else:
            _try(self.wlan.ifconfig, "dhcp")

    # May the attempt still succeed, gone_ms after begin() said `limit`? An access point that has let us in gets time for
    # its DHCP answer.
    def associating(self, gone_ms, limit):
        if self.rssi() is not None:
            self._let_in_ms = self._let_in_ms or gone_ms
            return gone_ms < _DHCP_MS
        return gone_ms < limit and not (gone_ms > _SCAN_MS and self.wlan.status() == _NO_AP)

    # The path is up: remembers how, for the next time. took_ms: since begin(); 0: it was up already. known: it has been up since this was
    # last called, so its address is no younger now.
    def learn(self, took_ms, known=False):
        block = self._block
        channel = _try(self.wlan.config, "channel") or 0
        if took_ms and channel:
            # How long it takes to be let in: without the address that DHCP checks, and without the way of the scan to the channel.
            took_ms = (self._let_in_ms or took_ms) - (_CHANNEL_MS * (channel - 1) if self._walked else 0)
            self._quick_ms = min(max(took_ms * 3 // 2 + 100, _QUICKEST_MS), _QUICK_MS)
        self._tries = 0
        block.poke(_NETWORK, "B", self.net)
        block.poke(_RADIO, _RADIO_FORM, self._cfg["wifi"][self.net]["bssid"] or b"", channel)
        if not self.leased and not known and self.up():  # it may be gone again by now, and its address with it
            ip, mask, gateway, dns = map(_packed, self.wlan.ifconfig())
            prefix = bin(int.from_bytes(mask, "big")).count("1")
            block.poke(_LEASE, _LEASE_FORM, ip, gateway, dns, prefix, self._stamp())

    # Has a remembered address been used for as long as it may? The next attempt then asks for a new one.
    def stale(self):
        return self.leased and self._stamp() - self._block.peek(_LEASE, _LEASE_FORM)[4] >= self._cfg["lease_s"] * 10

    # The remembered address led nowhere: the next attempt asks DHCP.
    def forget(self):
        self._block.poke(_LEASE + 13, ">I", 0)

    # An attempt failed; after one that looked everywhere it is the next network's turn.
    def missed(self):
        if self.wide and len(self._cfg["wifi"]) > 1:
            self.use((self.net + 1) % len(self._cfg["wifi"]))

    # The next attempts are for that network.
    def use(self, net):
        self.net = net
        self._told = False
        self._tries = 0
        self.forget()
        self._block.poke(_RADIO + 6, "B", 0)

    def close(self):
        self._closed = True
        _try(self.wlan.disconnect)

    # Radio off; begin() switches it on.
    def cycle(self):
        self._closed = True
        _try(self.wlan.active, False)
