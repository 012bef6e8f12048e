"""The chip's clock is set to somewhere in a year, as NTP does for the first time."""

from pydantic import Field

from . import Fault, fault

YEAR_S = 31_557_600


@fault("clock_set")
class ClockSet(Fault):
    needs = ("clock",)
    momentary = True
    how = {"sim": "the RTC clock of the modelled chip", "twin": "as in sim"}

    class Args(Fault.Args):
        year: int = Field(2026, ge=2000, le=2099)

    def begin(self):
        for clock in self.each("clock"):
            clock.set((self.args.year - 2000) * YEAR_S + self.rng.randrange(1_000_000))

    def evidence(self):
        return "the clock was set to %d" % self.args.year
