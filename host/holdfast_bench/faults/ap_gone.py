"""The access point is gone: no beacons, no answers. Stations notice by themselves, after a while."""

from pydantic import Field

from . import Fault, all_of, fault


@fault("ap_gone")
class ApGone(Fault):
    needs = ("wifi",)
    how = {"sim": "the modelled access point says nothing more and forgets its stations", "twin": "as in sim",
           "hil": "the board file's [wifi] driver: hostapd, nmcli, openwrt, a command of yours; or you are asked to"}

    class Args(Fault.Args):
        which: int = Field(1, ge=0, le=2)  # of several access points: 2 the second, 0 all

    @property
    def shows_within_ms(self):
        return max(getattr(wifi, "shows_within_ms", Fault.shows_within_ms) for wifi in self.each("wifi"))

    def begin(self):
        for wifi in self.each("wifi"):
            wifi.away(*self._which())

    def end(self):
        for wifi in self.each("wifi"):
            wifi.back(*self._which())

    def _which(self):
        return () if self.args.which == 1 else (self.args.which,)

    def evidence(self):
        return all_of(wifi.evidence() for wifi in self.each("wifi"))
