"""The power goes in the middle of a write to flash – a configuration, firmware, messages –, and is back at once."""

from pydantic import Field

from . import Fault, all_of, fault

BYTES_MAX = 4800    # what a small file takes: an erased sector, its content, what the file system notes about it


@fault("power_cut_mid_flash")
class PowerCutMidFlash(Fault):
    needs = ("flash",)
    momentary = True
    resets = True
    shows_within_ms = 60_000
    how = {"sim": "littlefs on modelled flash: after so many bytes more the chip is without power", "twin": "as in sim"}

    class Args(Fault.Args):
        at: int = Field(-1, ge=-1, le=1_000_000)  # bytes that are still written; -1: drawn from the seed

    def begin(self):
        self.before = [flash.cuts() for flash in self.each("flash")]
        for flash in self.each("flash"):
            flash.cut(self.args.at if self.args.at >= 0 else self.rng.randrange(BYTES_MAX))

    def evidence(self):
        return all_of("a write to flash was cut off" if flash.cuts() > before else None for flash, before in zip(self.each("flash"), self.before))
