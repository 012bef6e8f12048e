"""The processor is lost in the middle of a write to RTC memory that keeps its power, as at the edge of a brown-out."""

from pydantic import Field

from . import Fault, all_of, fault


@fault("power_cut_mid_write")
class PowerCutMidWrite(Fault):
    needs = ("memory",)
    momentary = True
    resets = True
    how = {"sim": "the next RTC write stops after some bytes, and the chip is reset", "twin": "as in sim"}

    class Args(Fault.Args):
        at: int = Field(-1, ge=-1, le=2048)  # bytes that are still written; -1: drawn from the seed

    def begin(self):
        self.before = [memory.writes() for memory in self.each("memory")]
        for memory in self.each("memory"):
            memory.tear(self.args.at if self.args.at >= 0 else self.rng.randrange(2049))

    def evidence(self):
        return all_of("an RTC write was cut off" if memory.writes() > before else None
                      for memory, before in zip(self.each("memory"), self.before))
