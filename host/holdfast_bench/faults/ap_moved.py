"""The access point starts again on another channel: what a node remembered of it leads nowhere."""

from pydantic import Field

from . import Fault, all_of, fault


@fault("ap_moved")
class ApMoved(Fault):
    needs = ("ap",)
    momentary = True
    how = {"sim": "the modelled access point is switched off, gets another channel, and is switched on", "twin": "as in sim"}

    class Args(Fault.Args):
        channel: int = Field(11, ge=1, le=13)  # where it is from now on

    def begin(self):
        for ap in self.each("ap"):
            ap.move(self.args.channel)

    def evidence(self):
        return all_of("it is on channel %d" % ap.channel() for ap in self.each("ap") if ap.channel() == self.args.channel)
