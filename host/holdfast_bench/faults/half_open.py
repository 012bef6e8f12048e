"""What the network forgot: connections that stand are dead without a sign, new ones work. A router that lost its table."""

from . import Fault, fault


@fault("half_open")
class HalfOpen(Fault):
    needs = ("network",)
    momentary = True

    def begin(self):
        for name in self.boards:
            self.rig.network[name].forget_flows()

    def evidence(self):
        shown = [self.rig.network[name].evidence("forgotten") for name in self.boards]
        return "; ".join(shown) if all(shown) else None
