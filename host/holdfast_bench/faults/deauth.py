"""The access point throws its stations out once, politely; they may come back at once. A drop of milliseconds."""

from . import Fault, all_of, fault


@fault("deauth")
class Deauth(Fault):
    needs = ("ap",)
    momentary = True
    how = {"sim": "deauthentication by the modelled access point", "twin": "as in sim"}

    def begin(self):
        for ap in self.each("ap"):
            ap.deauth()

    def evidence(self):
        return all_of(ap.thrown_out() for ap in self.each("ap"))
