"""The broker's port answers every connection with a reset, and those that stand are reset too."""

from . import Fault, all_of, fault

RELAY = "the relay in front of the broker"


@fault("refused")
class Refused(Fault):
    needs = ("network",)
    mode = "refuse"
    how = {"sim": "the modelled broker host answers RST", "twin": "RST on behalf of the broker's host",
           "hil": RELAY + " closes its port and resets what stands; with nftables each packet is answered by RST"}

    def begin(self):
        for network in self.each("network"):
            network.set_mode(self.mode)

    def end(self):
        for network in self.each("network"):
            network.set_mode("pass")

    def evidence(self):
        return all_of(network.evidence(self.mode) for network in self.each("network"))
