"""What the network forgot: connections that stand are dead without a sign, new ones work. A router that lost its table."""

from . import Fault, all_of, fault
from .refused import RELAY


@fault("half_open")
class HalfOpen(Fault):
    needs = ("network",)
    momentary = True
    how = {"sim": "frames of the connections that stand vanish", "twin": "as in sim", "hil": RELAY + " swallows what standing connections carry; with nftables their packets are dropped"}

    def begin(self):
        for network in self.each("network"):
            network.forget_flows()

    def evidence(self):
        return all_of(network.evidence("forgotten") for network in self.each("network"))
