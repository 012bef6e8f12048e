"""The DHCP server gives another address from now on, and the old one leads nowhere: a router was replaced."""

from pydantic import Field

from . import Fault, all_of, fault


@fault("lease_changed")
class LeaseChanged(Fault):
    needs = ("ap",)
    momentary = True
    how = {"sim": "the modelled DHCP server hands out another lease; frames from the old address vanish", "twin": "as in sim"}

    class Args(Fault.Args):
        ip: str = Field("10.73.0.99", pattern=r"^10\.73\.0\.\d{1,3}$")  # the new address, in the modelled network

    def begin(self):
        for ap in self.each("ap"):
            ap.move_lease(self.args.ip)

    def evidence(self):
        return all_of("the address to be had is %s" % ap.lease() for ap in self.each("ap") if ap.lease() == self.args.ip)
