"""The broker has another address from now on: the name server knows it, the old address does not answer."""

from . import Fault, all_of, fault


@fault("broker_moved")
class BrokerMoved(Fault):
    needs = ("dns",)
    momentary = True

    class Args(Fault.Args):
        listed: bool = False  # the old address is still named, before the new one

    how = {"sim": "the modelled name server gives the broker's name another address; the old host is silent", "twin": "as in sim"}

    def begin(self):
        self.moved = [dns.move_broker(self.args.listed) for dns in self.each("dns")]

    def evidence(self):
        return all_of("the broker is at %s" % ip for ip in self.moved)
