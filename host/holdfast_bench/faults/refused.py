"""The broker's port answers every connection with a reset, and those that stand are reset too."""

from . import Fault, fault


@fault("refused")
class Refused(Fault):
    needs = ("network",)
    mode = "refuse"

    def begin(self):
        for name in self.boards:
            self.rig.network[name].set_mode(self.mode)

    def end(self):
        for name in self.boards:
            self.rig.network[name].set_mode("pass")

    def evidence(self):
        shown = [self.rig.network[name].evidence(self.mode) for name in self.boards]
        return "; ".join(shown) if all(shown) else None
