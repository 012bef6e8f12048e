"""A task of the application hangs; the watchdog has to notice and bite."""

from typing import Literal

from . import Fault, fault


@fault("watchdog_hang")
class WatchdogHang(Fault):
    needs = ("console",)
    momentary = True
    resets = True
    how = dict.fromkeys(("sim", "twin", "hil"), "the console command `hang`, which every build of the firmware has")

    class Args(Fault.Args):
        task: str = "sample"  # which task
        how: Literal["await", "spin"] = "spin"  # waits for ever beside the loop's other tasks, or blocks the loop

    def begin(self):
        self.replies = [self.rig.boards[name].command({"cmd": "hang", "task": self.args.task, "how": self.args.how})
                        for name in self.boards]

    def evidence(self):
        return "the board has confirmed that task %r hangs (%s)" % (self.args.task, self.args.how) if self.replies else None
