"""The chip is reset, by one of the ways there are. `en` and `brownout` clear RTC memory, the others keep it."""

from typing import Literal

from . import Fault, all_of, fault


@fault("reset")
class Reset(Fault):
    needs = ("lines",)
    momentary = True
    resets = True
    how = {"sim": "the chip ends where it is", "twin": "its process is killed where it is", "hil": "`en` through the USB bridge; the others cannot be forced from outside"}

    class Args(Fault.Args):
        kind: Literal["software", "en", "brownout", "panic", "task_wdt"] = "en"

    def begin(self):
        self.before = [lines.resets() for lines in self.each("lines")]
        for lines in self.each("lines"):
            lines.reset(self.args.kind)

    def evidence(self):
        return all_of("reset (%s)" % self.args.kind if lines.resets() > before else None for lines, before in zip(self.each("lines"), self.before))
