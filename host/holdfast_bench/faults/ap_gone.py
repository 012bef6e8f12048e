"""The access point is gone: no beacons, no answers. Stations notice by themselves, after a while."""

from . import Fault, fault


@fault("ap_gone")
class ApGone(Fault):
    needs = ("wifi",)
    how = {"sim": "the modelled access point says nothing more and forgets its stations", "twin": "as in sim",
           "hil": "the board file's [wifi] driver: a command (switched socket, router), or you are asked to"}

    def begin(self):
        for wifi in self.each("wifi"):
            wifi.away()

    def end(self):
        for wifi in self.each("wifi"):
            wifi.back()

    def evidence(self):
        return "the access point does not answer" if all(wifi.is_away() for wifi in self.each("wifi")) else None
