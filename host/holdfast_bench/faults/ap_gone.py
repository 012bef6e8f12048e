"""The access point is gone: no beacons, no answers. Stations notice by themselves, after a while."""

from . import Fault, fault


@fault("ap_gone")
class ApGone(Fault):
    needs = ("wifi",)

    def begin(self):
        for name in self.boards:
            self.rig.wifi[name].away()

    def end(self):
        for name in self.boards:
            self.rig.wifi[name].back()

    def evidence(self):
        if all(self.rig.wifi[name].is_away() for name in self.boards):
            return "the access point does not answer"
        return None
