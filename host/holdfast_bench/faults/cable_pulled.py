"""The Ethernet cable is pulled out: the interface notices at its next look at the link, within two seconds."""

from . import Fault, all_of, fault


@fault("cable_pulled")
class CablePulled(Fault):
    needs = ("cable",)
    how = {"sim": "the modelled cable is pulled out; the driver looks every 2 s", "twin": "as in sim"}

    def begin(self):
        for cable in self.each("cable"):
            cable.pull()

    def end(self):
        for cable in self.each("cable"):
            cable.plug()

    def evidence(self):
        return all_of(cable.evidence() for cable in self.each("cable"))
