"""The power goes, with whatever lay in RAM and RTC memory, and comes back at the end."""

from . import Fault, all_of, fault


@fault("power_cut")
class PowerCut(Fault):
    needs = ("power",)
    resets = True
    how = {"sim": "the chip ends where it is; RTC memory is noise", "twin": "its process is killed where it is; RTC memory is noise",
           "hil": "the board file's [power] driver: a hub (uhubctl), a command of yours, or EN held low through the USB bridge, which the chip takes for the same; the reset cause proves it"}

    def begin(self):
        for power in self.each("power"):
            power.off()

    def end(self):
        for power in self.each("power"):
            power.on()

    def evidence(self):
        return all_of(power.evidence() for power in self.each("power"))
