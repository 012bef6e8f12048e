"""The access point a board stands next to, as a switch: off, faded, back, deauthentication. Callable from any thread."""


class AccessPointSwitch:
    """The first access point of the board's ether; others are reached through board.options.ether and TwinHost.call()."""

    def __init__(self, host, silicon):
        self._host = host
        self.ap = silicon.wifi.ether.aps[0]
        self.dhcp = self.ap.dhcp         # .silent: no answer

    def off(self):
        """Power cut at the access point: stations notice after 8 to 12 s; it forgets them."""
        self._host.call(self.ap.off)

    def fade(self):
        """Out of range: a short absence is not noticed at all."""
        self._host.call(self.ap.fade)

    def on(self):
        self._host.call(self.ap.on)

    def deauth(self):
        """Throws its stations out."""
        self._host.call(self.ap.deauth)

    def is_on(self):
        return self.ap.up
