"""What MicroPython's port makes of the Wi-Fi driver: the connected flag, the stale reason, its own reconnecting.

One instance per chip; survives a soft reset, not a chip reset. Follows network_wlan.c of the port. May use: wifi. It is all
that chip/network.py knows of Wi-Fi; a twin's chip sees it through its link (`view` and the calls).
"""

from . import wifi

STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010

_ALWAYS_SHOWN = (wifi.NO_AP_FOUND, 212, 211, wifi.NO_AP_COMPATIBLE)


# What a program can see of the station at a glance, in this order in view().
VIEW = ("started", "mode_set", "busy", "connected", "code", "ip", "mask", "gateway", "dns", "has_address", "is_static", "ssid",
        "channel", "pm", "txpower", "reconnects")


class Station:
    """The port's state around one Wifi. `on_radio(name, reason)` hears of every driver event (for the history)."""

    def __init__(self, driver):
        self.wifi = driver
        self.on_radio = lambda name, reason: None
        driver.on_event = self._event
        self.reset()

    def reset(self):
        """After a chip reset (the driver is reset by its owner)."""
        self.requested = False
        self.connected = False
        self.reason = 0
        self._budget = 0        # uint8, as the port stores it: 0 = for ever, n + 1 = n retries
        self._tries = 0

    @property
    def reconnects(self):
        return self._budget - 1

    @reconnects.setter
    def reconnects(self, n):
        self._budget = (0 if n == -1 else n + 1) & 0xFF

    def view(self):
        """The values of VIEW."""
        w = self.wifi
        return [w.started, w.mode_set, w.busy(), self.connected, self.status(), w.ip, w.mask, w.gateway, w.dns, w.has_address(),
                w.static is not None, w.ssid, w.channel, w.pm, w.txpower, self.reconnects]

    # Of the view, what a program asks all the time; status(), below, is its `code`.

    def is_connected(self):
        return self.connected

    def address(self):
        """(ip, mask, gateway, dns)."""
        w = self.wifi
        return w.ip, w.mask, w.gateway, w.dns

    def start(self):
        self.wifi.start()

    def stop(self):
        self.wifi.stop()

    def rssi(self):
        return self.wifi.rssi()

    def scan(self):
        """Rows as the port's scan() gives them, strongest first."""
        return [(ap.ssid.encode(), ap.bssid, ap.channel, rssi, ap.auth, False) for ap, rssi in self.wifi.heard()]

    def configure(self, name, value):
        """Store a setting: "reconnects", "pm", "txpower" (quarter dBm), "channel", "dns" or "gateway"."""
        setattr(self if name == "reconnects" else self.wifi, name, value)
        if name == "channel":
            self.wifi.first_channel = value

    def set_static(self, ip, mask, gateway, dns):
        self.wifi.set_static(ip, mask, gateway, dns)

    def set_dhcp(self, restart):
        """Back to DHCP; with restart also when it runs already, which else raises WifiError."""
        if restart:
            self.wifi.dhcp.stop()
        self.wifi.set_dhcp()

    def connect(self, config):
        """config is (ssid, key, bssid), or None to use what the driver has. Raises WifiError; a call that fails after the
        configuration was set has changed it all the same."""
        if config is not None:
            self.wifi.set_config(*config)
        self._tries = 0
        self.wifi.connect()
        self.requested = True

    def disconnect(self):
        self.requested = False
        self.wifi.disconnect()

    def status(self):
        """The port's order of tests: which of several truths is told."""
        if self.connected:
            return STAT_GOT_IP
        if self.reason in _ALWAYS_SHOWN:
            return self.reason
        if self.reason in (wifi.AUTH_FAIL, wifi.CONNECTION_FAIL):
            return wifi.AUTH_FAIL
        if self.reason == wifi.ASSOC_LEAVE:
            return STAT_IDLE
        if self.requested and (self._budget == 0 or self._tries < self._budget):
            return STAT_CONNECTING
        return self.reason or STAT_IDLE

    def _event(self, name, reason):
        self.on_radio(name, reason)
        if name == "start":
            self._tries = 0
        elif name == "got_ip":
            self.connected = True
            self.reason = 0
        elif name == "disconnected":
            self.reason = reason
            self.connected = False
            if not self.requested:
                return
            if self._budget:
                self._tries += 1
                if self._tries >= self._budget:
                    return
            try:
                self.wifi.connect()
            except wifi.WifiError:
                pass  # the port logs it at a level that is not shown, and goes on
