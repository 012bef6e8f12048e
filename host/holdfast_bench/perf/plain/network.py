# network.py - a Wi-Fi that joins at once. WLAN.gone (True: the access point is away) is set by whoever measures.
STA_IF = 0


class WLAN:
    gone = False
    _wanted = False

    def __init__(self, interface=STA_IF):
        pass

    def active(self, on=None):
        return True

    def connect(self, ssid=None, key=None, bssid=None):
        WLAN._wanted = True

    def disconnect(self):
        WLAN._wanted = False

    def isconnected(self):
        return WLAN._wanted and not WLAN.gone

    def status(self, what=None):
        if what == "rssi":
            if self.isconnected():
                return -50
            raise OSError("Wifi Not Connected")
        return 1010 if self.isconnected() else 1001

    def config(self, *what, **values):
        return 6 if what == ("channel",) else None

    def ifconfig(self, given=None):
        if given is None:
            return ("10.73.0.15", "255.255.255.0", "10.73.0.1", "10.73.0.1") if self.isconnected() else ("0.0.0.0",) * 4
