"""The Wi-Fi driver and the network interface of a station (IDF's part): scan, join, loss, addresses.

Follows what a real image does, see docs/twin.md for the figures' sources. What MicroPython's port makes of the driver's
events is in station.py. May use: dhcp. Time through the kernel, chance through rng.
"""

from . import dhcp
from .ether import OPEN

# Error texts of the port; a number is a code that it has no text for.
NOT_STARTED = "Wifi Not Started"
INVALID_MODE = "Wifi Invalid Mode"
SSID_INVALID = "Wifi SSID Invalid"
INTERNAL_ERROR = "Wifi Internal Error"
NOT_CONNECTED = "Wifi Not Connected"
DHCP_STARTED = 0x5004
INVALID_ARG = 0x0102

# Reasons of a DISCONNECTED event (esp_wifi_types.h).
AUTH_EXPIRE = 2
ASSOC_LEAVE = 8
CLASS3_FROM_NONASSOC = 7
HANDSHAKE_4WAY = 15
BEACON_TIMEOUT = 200
NO_AP_FOUND = 201
AUTH_FAIL = 202
ASSOC_FAIL = 203
HANDSHAKE_TIMEOUT = 204
CONNECTION_FAIL = 205
NO_AP_COMPATIBLE = 210

OFF, IDLE, SCANNING, JOINING, JOINED, LEAVING = range(6)
STATES = ("off", "idle", "scanning", "joining", "joined", "leaving")

CHANNEL_MS = 122       # the scan walks the channels upwards, from the one configured
CHANNELS = 13
FIRST_PROBE_MS = 8
FULL_SCAN_MS = 2405    # all 13 channels, nothing found
OPEN_JOIN_MS = 14      # authentication and association without encryption
STATIC_IP_MS = 4
ZERO = "0.0.0.0"


class WifiError(Exception):
    """A driver call failed: `what` is the port's text or a bare IDF code."""

    def __init__(self, what):
        super().__init__(what)
        self.what = what


class Wifi:
    """One station interface. `on_event(name, reason)` is the port's event handler ("start", "stop", "connected",
    "disconnected", "got_ip"); `on_down()` is called when the interface loses its address, with everything that uses it."""

    def __init__(self, kernel, ether, rng, mac):
        self.kernel = kernel
        self.ether = ether
        self.rng = rng
        self.mac = mac
        self.on_event = lambda name, reason: None
        self.on_address = lambda: None
        self.on_down = lambda: None
        self.dhcp = dhcp.Client(kernel, mac, self._reach_dhcp, self._dhcp_bound, self._dhcp_lost)
        ether.stations.append(self)
        self._timer = None
        self._loss = None
        self.reset()

    def reset(self):
        """As after a chip reset: driver off, nothing configured. An access point keeps what it knew of the station."""
        self._quiet()
        self.dhcp.stop()
        self.mode_set = False      # the mode was set once: configuring is possible from then on
        self.state = OFF
        self.ssid, self.key, self.bssid = "", "", None
        self.channel = 1
        self.first_channel = 1     # where the next scans begin: config(channel=), forgotten by connect() with arguments
        self.pm = 1
        self.txpower = 78          # quarter dBm
        self.ap = None
        self._era = 0
        self.soft_ap = None        # [ssid, key] of an access point of the chip's own
        self.joined_at_ms = 0
        self.static = None
        self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO
        self.dns = ZERO

    # --- what the port calls -----------------------------------------------------------------------------------------

    @property
    def started(self):
        return self.state != OFF

    def start(self):
        self.mode_set = True
        if self.state == OFF:
            self.state = IDLE
            self.on_event("start", 0)

    def stop(self):
        """Switching off leaves the access point first; while scanning or joining it ends the attempt with an event too."""
        if self.state == OFF:
            return
        if self.state != IDLE:
            self._disconnected(ASSOC_LEAVE, True)
        self._quiet()
        self.state = OFF
        self.on_event("stop", 0)

    def set_config(self, ssid, key, bssid):
        """Takes effect at once, also for the attempt that is going on: its next scan looks for the new name."""
        if not self.mode_set:
            raise WifiError(INVALID_MODE)
        self.ssid, self.key, self.bssid = ssid, key, bssid
        self.first_channel = 1

    def connect(self):
        if self.state == OFF:
            raise WifiError(NOT_STARTED)
        if not self.ssid:
            raise WifiError(SSID_INVALID)
        if self.state in (SCANNING, JOINING):
            raise WifiError(INTERNAL_ERROR)
        if self.state == LEAVING:
            self._left(None)
        if self.state == IDLE:
            self._scan()
        # Joined: nothing happens, whichever network was asked for.

    def disconnect(self):
        if self.state == OFF:
            raise WifiError(NOT_STARTED)
        if self.state == JOINED:
            self._quiet()
            self.state = LEAVING
            self._timer = self.kernel.after(self.rng.between(11, 25), self._left)
        elif self.state in (SCANNING, JOINING):
            # No event: the port keeps showing its last reason.
            self._quiet()
            self.state = IDLE

    def rssi(self):
        if not self.mode_set:
            raise WifiError(INTERNAL_ERROR)
        if self.state != JOINED:
            raise WifiError(NOT_CONNECTED)
        return self.ap.rssi + self.rng.between(-3, 3)

    def busy(self):
        """The driver refuses to scan for the user now."""
        return self.state in (SCANNING, JOINING)

    def heard(self):
        """[(ap, rssi)] as a scan finds them now, strongest first."""
        found = [(ap, ap.rssi + self.rng.between(-3, 3)) for ap in self.ether.by_channel() if ap.up]
        return sorted(found, key=lambda f: -f[1])

    def passes(self):
        """Whether a frame to or from the access point gets through now."""
        if self.soft_ap is not None and self.state != JOINED:
            return True     # what passes is that of whoever has joined us
        return self.state == JOINED and self.ap.up and self.ap.era == self._era

    def has_address(self):
        """Whether the interface is up with an address: what decides if TCP can be tried at all."""
        return self.state in (JOINED, LEAVING) and self.ip != ZERO

    def set_static(self, ip, mask, gateway, dns):
        """A fixed address from now on; dns None leaves it cleared, as setting an address does."""
        self.dhcp.stop()
        self.static = (ip, mask, gateway)
        self._set_address(ip, mask, gateway)
        self.dns = ZERO if dns is None else dns
        if self.state == JOINED:
            self._addressed()

    def set_dhcp(self):
        """Back to DHCP. Raises WifiError(DHCP_STARTED) when it runs already."""
        if self.dhcp.state != dhcp.NONE:
            raise WifiError(DHCP_STARTED)
        self.static = None
        self._set_address(ZERO, ZERO, ZERO)
        self.dns = ZERO
        if self.state == JOINED:
            self.dhcp.start()

    # --- what the air does -------------------------------------------------------------------------------------------

    def ap_silent(self, ap):
        if ap is self.ap and self.state == JOINED and self._loss is None:
            self._loss = self.kernel.after(self._notice_ms(), self._lost)

    def ap_heard(self, ap):
        if ap is not self.ap or self.state != JOINED:
            return
        self.kernel.cancel(self._loss)
        self._loss = None
        if ap.era != self._era:
            # It has forgotten us: the first frame we send is answered with a deauthentication.
            self._loss = self.kernel.after(self.rng.between(20, 800), self._thrown_out, CLASS3_FROM_NONASSOC)

    def ap_deauth(self, ap, reason):
        if ap is self.ap and self.state == JOINED:
            self.kernel.cancel(self._loss)
            self._loss = self.kernel.after(2, self._thrown_out, reason)

    def _notice_ms(self):
        """How long beacons are missed before the driver gives up: seen 8.1 to 8.5 s (once 9.3), but 11.5 to 11.9 s when the
        loss comes within 3 s of joining; in between the two are joined by a straight line (not measured)."""
        age_ms = self.kernel.now_ms - self.joined_at_ms
        if age_ms <= 3000:
            return self.rng.between(11500, 11900)
        if age_ms < 8000:
            return 11700 - (age_ms - 3000) * 3400 // 5000
        return self.rng.between(9200, 9350) if self.rng.chance(0.15) else self.rng.between(8140, 8510)

    def _lost(self, _):
        self._disconnected(BEACON_TIMEOUT)

    def _thrown_out(self, reason):
        self._disconnected(reason)

    # --- scanning and joining ----------------------------------------------------------------------------------------

    def _scan(self):
        self.state = SCANNING
        self._began_at_ms = self.kernel.now_ms
        self._why = NO_AP_FOUND
        self._first = self.first_channel
        self._names = sorted([ap for ap in self.ether.by_channel() if ap.ssid == self.ssid], key=self._turn)
        self._next_probe(0)

    def _turn(self, ap):
        """How many channels the scan has walked when it comes to this access point."""
        return (ap.channel - self._first) % CHANNELS

    def _next_probe(self, i):
        passed = self.kernel.now_ms - self._began_at_ms
        if i < len(self._names):
            at = FIRST_PROBE_MS + self._turn(self._names[i]) * CHANNEL_MS
            self._timer = self.kernel.after(max(0, at - passed), self._probe, i)
        else:
            self._timer = self.kernel.after(FULL_SCAN_MS + self.rng.between(0, 20) - passed, self._not_found)

    def _probe(self, i):
        """The scan has come to the channel of candidate i."""
        ap = self._names[i]
        if ap.up and ap.ssid == self.ssid and (self.bssid is None or self.bssid == ap.bssid):
            if bool(self.key) == (ap.auth != OPEN):
                self.ap = ap
                self.state = JOINING
                wait_ms = OPEN_JOIN_MS if ap.auth == OPEN else OPEN_JOIN_MS + self.rng.between(120, 600)
                if ap.auth != OPEN and self.key != ap.key:
                    wait_ms = self.rng.between(2500, 4500)
                self._timer = self.kernel.after(wait_ms, self._join, ap.era)
                return
            self._why = NO_AP_COMPATIBLE
        self._next_probe(i + 1)

    def _not_found(self, _):
        self._disconnected(self._why)

    def _join(self, era):
        ap = self.ap
        if not ap.up or ap.era != era:
            self._disconnected(AUTH_EXPIRE)
        elif ap.auth != OPEN and self.key != ap.key:
            # A wrong key has no one reason: these are the ones seen in the field.
            self._disconnected(self.rng.pick((HANDSHAKE_4WAY, HANDSHAKE_4WAY, HANDSHAKE_4WAY, AUTH_FAIL, CONNECTION_FAIL,
                                              AUTH_EXPIRE, HANDSHAKE_TIMEOUT)))
        else:
            self.state = JOINED
            self._era = era
            self.channel = ap.channel
            self.joined_at_ms = self.kernel.now_ms
            self.on_event("connected", 0)
            if self.static is not None:
                self._timer = self.kernel.after(STATIC_IP_MS, self._static_up)
            else:
                self.dhcp.start()

    def _static_up(self, _):
        self._addressed()

    def _left(self, _):
        self._disconnected(ASSOC_LEAVE)

    def _disconnected(self, reason, stopping=False):
        """The driver is idle again, then the port hears of it (and may connect at once)."""
        had_address = self.has_address()
        self._quiet()
        self.dhcp.stop()
        self.state = OFF if stopping else IDLE
        self.ap = None
        if self.static is None:
            self._set_address(ZERO, ZERO, ZERO)
        if had_address:
            self.on_down()
        self.on_event("disconnected", reason)

    def _quiet(self):
        self.kernel.cancel(self._timer)
        self.kernel.cancel(self._loss)
        self._timer = self._loss = None

    # --- addresses ---------------------------------------------------------------------------------------------------

    def _set_address(self, ip, mask, gateway):
        self.ip, self.mask, self.gateway = ip, mask, gateway

    def _reach_dhcp(self):
        return self.ap.dhcp if self.passes() else None

    def _dhcp_bound(self, lease):
        self._set_address(lease.ip, lease.mask, lease.gateway)
        self.dns = lease.dns[0] if lease.dns else ZERO
        self._addressed()

    def _dhcp_lost(self):
        # Nobody tells the port: isconnected() stays True with the address 0.0.0.0.
        self._set_address(ZERO, ZERO, ZERO)
        self.on_down()

    def _addressed(self):
        self.on_address()
        self.on_event("got_ip", 0)
