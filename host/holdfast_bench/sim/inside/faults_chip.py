"""Faults of the chip: power, memory, clock, serial line: see fault.py. May use: the rig, world/."""

from ...world.kernel import ChipReset
from .fault import Fault
from .lives import OFF


class PowerCut(Fault):
    group = "power"

    def begin(self):
        self.rig.powered = False
        self.rig.kernel.halt(ChipReset(OFF, "power cut"))

    def end(self):
        self.rig.powered = True

    def evidence(self):
        return None if self.rig.powered else "the supply is off"


class PowerCutMidWrite(Fault):
    """RTC memory keeps its power, the processor loses it after byte `at` of the next write; as at the edge of a brown-out."""

    def begin(self):
        self.writes = self.rig.chip.rtc.writes
        at = self.args.get("at", -1)
        self.rig.chip.rtc.tear_next(at if at >= 0 else self.rng.below(2049), ChipReset("panic", "cut in the middle of a write"))

    def evidence(self):
        return "an RTC write was cut off" if self.rig.chip.rtc.writes > self.writes else None

    def call_off(self):
        self.rig.chip.rtc.tear_none()


class PowerCutMidFlash(Fault):
    """The power goes after some bytes more written to flash, and is back at once."""

    def begin(self):
        self.before = self.rig.chip.flash.cuts
        at = self.args.get("at", -1)
        self.rig.chip.flash.cut_in(self.rng.below(4800) if at < 0 else at, ChipReset("power_on", "cut in a write to flash"))

    def evidence(self):
        return "a write to flash was cut off" if self.rig.chip.flash.cuts > self.before else None

    def call_off(self):
        self.rig.chip.flash.cut_off()


class RtcCorrupt(Fault):
    """Bits of RTC memory flip while the chip is reset: a running program would put its own copy over them."""

    def begin(self):
        data = self.rig.chip.rtc.data
        for _ in range(self.args.get("bits", 8)):
            data[self.rng.below(len(data))] ^= 1 << self.rng.below(8)
        self.rig.history.chip("corrupt")
        self.rig.tally.memory_lost()
        self.rig.kernel.halt(ChipReset("panic", "bits of RTC memory have flipped"))

    def evidence(self):
        return "%d bits flipped" % self.args.get("bits", 8)


class Reset(Fault):
    """`kind`: software, en, brownout, panic, task_wdt."""

    def begin(self):
        self.rig.kernel.halt(ChipReset(self.args.get("kind", "en"), "reset by the bench"))

    def evidence(self):
        return "reset"


class ClockSetBack(Fault):
    def begin(self):
        seconds, us = self.rig.chip.clock.now()
        self.before = seconds
        self.rig.chip.clock.set(max(0, seconds - self.args.get("seconds", 3600)), us)

    def evidence(self):
        return "the clock went back" if self.rig.chip.clock.now()[0] < self.before else None


class ClockSet(Fault):
    """Somebody sets the chip's clock, as NTP does."""

    def begin(self):
        self.rig.chip.clock.set((self.args.get("year", 2026) - 2000) * 31557600 + self.rng.below(1000000), 0)

    def evidence(self):
        return "the clock was set"


class UartNoise(Fault):
    """Noise on the line to the chip. Ctrl-C is left out: it does what it does everywhere."""

    def begin(self):
        data = self.rng.fill(self.args.get("n", 100)).replace(b"\x03", b"")  # a list would be big
        self.rig.chip.console.feed(data)

    def evidence(self):
        return "noise was sent"


class WatchdogHang(Fault):
    """A task of the application hangs: the console command does it."""

    def begin(self):
        self.reply = None
        self.rig.tap.command({"cmd": "hang", "task": self.args.get("task", "sample"), "how": self.args.get("how", "spin")}, self._done)

    def _done(self, reply):
        self.reply = reply

    def evidence(self):
        return "the board has confirmed that it hangs" if self.reply and self.reply.get("ok") else None
