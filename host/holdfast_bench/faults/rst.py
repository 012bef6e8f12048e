"""Connections that stand are reset once; new ones work at once."""

from . import Fault, all_of, fault
from .refused import RELAY


@fault("rst")
class Rst(Fault):
    needs = ("network",)
    momentary = True
    how = {"sim": "RST from the modelled broker host", "twin": "RST on behalf of the broker's host", "hil": RELAY + " resets them"}

    def begin(self):
        self.reset = [network.reset_flows() for network in self.each("network")]

    def evidence(self):
        return all_of("%d connections reset" % n if n else None for n in self.reset)
