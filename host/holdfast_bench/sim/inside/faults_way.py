"""Faults of what a path is made of: access point, cable, modem, DHCP, key, name server: see fault.py. May use: the rig, world/."""

from .fault import Fault


class ApGone(Fault):
    group = "access point"

    def begin(self):
        which = self.args.get("which", 1)
        self.aps = [ap for i, ap in enumerate(self.rig.ether.aps) if which in (0, i + 1)]
        for ap in self.aps:
            ap.off()

    def end(self):
        for ap in self.aps:
            ap.on()

    def evidence(self):
        return None if self.aps[0].up else "the access point does not answer"


class CablePulled(Fault):
    """The Ethernet cable is out."""

    group = "cable"

    def begin(self):
        self.rig.cable.pull()

    def end(self):
        self.rig.cable.plug()

    def evidence(self):
        return None if self.rig.cable.plugged or self.rig.chip.lan.link else "the interface has lost its link"


class ModemGone(Fault):
    """The modem has no power, or its line is cut."""

    group = "modem"

    def begin(self):
        self.rig.modem.remove()

    def end(self):
        self.rig.modem.put_back()

    def evidence(self):
        return None if self.rig.modem.there else "the modem does not answer"


class SignalLost(Fault):
    """The modem hears no network."""

    group = "signal"

    def begin(self):
        self.rig.modem.set_signal(False)

    def end(self):
        self.rig.modem.set_signal(True)

    def evidence(self):
        return None if self.rig.modem.signal else "the modem hears no network"


class Deauth(Fault):
    """The access point throws its stations out once."""

    def begin(self):
        self.rig.ap.deauth()

    def evidence(self):
        return "stations were thrown out"


class ApMoved(Fault):
    """The access point starts again on another channel."""

    def begin(self):
        was_up = self.rig.ap.up
        self.rig.ap.off()
        self.rig.ap.channel = self.args.get("channel", 11)
        if was_up:
            self.rig.ap.on()

    def evidence(self):
        return "it is on channel %d" % self.rig.ap.channel


class LeaseChanged(Fault):
    """The DHCP server gives the chip another address from now on, and the old one leads nowhere."""

    def begin(self):
        self.rig.move_lease(self.args.get("ip", "10.73.0.99"))

    def evidence(self):
        return "the chip's address is %s" % self.rig.dhcp.lease.ip


class DhcpSilent(Fault):
    group = "dhcp"

    def begin(self):
        self.rig.dhcp.silent = True

    def end(self):
        self.rig.dhcp.silent = False

    def evidence(self):
        return "the DHCP server does not answer" if self.rig.dhcp.silent else None


class WrongPassword(Fault):
    """The access point's key is another one now; stations have to join again."""

    group = "key"

    def begin(self):
        self.right = self.rig.spec["wifi"]["key"]
        self.rig.ap.key = self.right + "-changed"
        self.rig.ap.deauth()

    def end(self):
        self.rig.ap.key = self.right

    def evidence(self):
        return None if self.rig.ap.key == self.right else "the access point has another key"


class DnsDead(Fault):
    group = "dns"

    def begin(self):
        self.rig.dns.mode = self.args.get("how", "silent")

    def end(self):
        self.rig.dns.mode = "ok"

    def evidence(self):
        return None if self.rig.dns.mode == "ok" else "the name server is %s" % self.rig.dns.mode
