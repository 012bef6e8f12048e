"""The DHCP server does not answer: joining works, an address does not come."""

from . import Fault, fault


@fault("dhcp_silent")
class DhcpSilent(Fault):
    needs = ("ap",)
    how = {"sim": "the modelled DHCP server keeps silent", "twin": "as in sim"}

    def begin(self):
        for ap in self.each("ap"):
            ap.silence_dhcp(True)

    def end(self):
        for ap in self.each("ap"):
            ap.silence_dhcp(False)

    def evidence(self):
        return "the DHCP server does not answer" if all(ap.dhcp_is_silent() for ap in self.each("ap")) else None
