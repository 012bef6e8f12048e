"""What is on the air: access points, and what answers behind them (DHCP, DNS, hosts).

State only; faults and people change it, stations look at it and are told of losses. Knows nothing of the chip.
"""

OPEN, WPA2 = 0, 3  # auth modes as scan() gives them


class AccessPoint:
    """One access point. `up` is whether it can be heard; `era` counts how often it has forgotten its stations."""

    def __init__(self, ssid, key="", bssid=b"\x02\xaa\x00\x00\x00\x01", channel=6, rssi=-55, dhcp=None):
        self.ssid = ssid
        self.key = key
        self.bssid = bssid
        self.channel = channel
        self.rssi = rssi
        self.dhcp = dhcp
        self.up = True
        self.era = 0
        self.ether = None

    @property
    def auth(self):
        return WPA2 if self.key else OPEN

    def off(self):
        """Power cut at the access point: it says nothing more and forgets its stations."""
        self.era += 1
        self.fade()

    def fade(self):
        """Out of range: it says nothing more, but would remember its stations."""
        if self.up:
            self.up = False
            for station in self.ether.stations:
                station.ap_silent(self)

    def on(self):
        """Heard again."""
        if not self.up:
            self.up = True
            for station in self.ether.stations:
                station.ap_heard(self)

    def deauth(self, reason=3):
        """Throws every station out, politely (IEEE 802.11 deauthentication)."""
        self.era += 1
        for station in self.ether.stations:
            station.ap_deauth(self, reason)


class Ether:
    """All access points, in a fixed order, and the stations that listen (objects with ap_silent, ap_heard, ap_deauth)."""

    def __init__(self):
        self.aps = []
        self.stations = []

    def add(self, ap):
        ap.ether = self
        self.aps.append(ap)
        return ap

    def find(self, ssid):
        """The first access point of that name; raises KeyError with the names there are."""
        for ap in self.aps:
            if ap.ssid == ssid:
                return ap
        raise KeyError("no access point %r here, only %s" % (ssid, [ap.ssid for ap in self.aps]))

    def by_channel(self):
        """Access points in the order in which a scan meets them."""
        return sorted(self.aps, key=lambda ap: ap.channel)
