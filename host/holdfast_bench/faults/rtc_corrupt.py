"""Bits of RTC memory flip while the chip is reset. What they held is as good as lost."""

from pydantic import Field

from . import Fault, fault


@fault("rtc_corrupt")
class RtcCorrupt(Fault):
    needs = ("memory",)
    momentary = True
    resets = True
    how = {"sim": "bits of the modelled memory flip, and the chip is reset", "twin": "as in sim"}

    class Args(Fault.Args):
        bits: int = Field(8, ge=1, le=16384)  # so many, anywhere in the 2048 bytes

    def begin(self):
        for memory in self.each("memory"):
            memory.corrupt([(self.rng.randrange(2048), self.rng.randrange(8)) for _ in range(self.args.bits)])

    def evidence(self):
        return "%d bits flipped" % self.args.bits
