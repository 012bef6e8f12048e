"""The modem hears no network any more: nothing passes, and after a while it gives the call up."""

from . import Fault, all_of, fault


@fault("signal_lost")
class SignalLost(Fault):
    needs = ("modem",)
    how = {"sim": "the modelled network is away; the modem hangs up after 15 s", "twin": "as in sim"}

    def begin(self):
        for modem in self.each("modem"):
            modem.set_signal(False)

    def end(self):
        for modem in self.each("modem"):
            modem.set_signal(True)

    def evidence(self):
        return all_of(modem.deaf() for modem in self.each("modem"))
