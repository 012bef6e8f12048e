"""The chip's clock is set back, as by a name server with a wrong time."""

from pydantic import Field

from . import Fault, all_of, fault


@fault("clock_set_back")
class ClockSetBack(Fault):
    needs = ("clock",)
    momentary = True
    how = {"sim": "the RTC clock of the modelled chip", "twin": "as in sim"}

    class Args(Fault.Args):
        seconds: int = Field(3600, ge=1)

    def begin(self):
        self.moved = [clock.set_back(self.args.seconds) for clock in self.each("clock")]

    def evidence(self):
        return all_of("the clock went back by %d s" % s if s else None for s in self.moved)
