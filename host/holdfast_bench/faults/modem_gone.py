"""The modem is gone without a word: no power, or its line is cut. The chip's PPP does not notice. At the end it starts anew."""

from . import Fault, all_of, fault


@fault("modem_gone")
class ModemGone(Fault):
    needs = ("modem",)
    how = {"sim": "the modelled modem is away; it boots when it is back", "twin": "as in sim"}

    def begin(self):
        for modem in self.each("modem"):
            modem.remove()

    def end(self):
        for modem in self.each("modem"):
            modem.put_back()

    def evidence(self):
        return all_of(modem.gone() for modem in self.each("modem"))
