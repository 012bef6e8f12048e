"""The power goes, with whatever lay in RAM and RTC memory, and comes back at the end."""

from . import Fault, fault


@fault("power_cut")
class PowerCut(Fault):
    needs = ("power",)
    resets = True

    def begin(self):
        for name in self.boards:
            self.rig.power[name].off()

    def end(self):
        for name in self.boards:
            self.rig.power[name].on()

    def evidence(self):
        if all(self.rig.power[name].is_off() for name in self.boards):
            return "the supply is off"
        return None
