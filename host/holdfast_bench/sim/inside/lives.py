"""The lives of the chip: from power-on to power-on, deep sleep and watchdog bites included, until the run is over.

May use: chip.boot, the rig. Only the end of a run leaves run(); the firmware's own errors end on the chip's console.
"""

import gc
import os
import random

from ...chip import boot
from ...world.kernel import ChipReset

OVER = "run_over"       # the kind of ChipReset that ends the run
OFF = "power_off"       # the chip has no power until rig.powered
BOOT_MS = 300           # from a reset to boot.py: ROM, boot loader, IDF, MicroPython
FROZEN = "/_frozen"
FATAL_MS = 120          # what a panic takes to print itself

# Names of the history for the kinds of world/power.py.
CAUSES = {"power_on": "power", "en": "en", "brownout": "brownout", "software": "hard", "panic": "panic", "task_wdt": "wdt",
          "int_wdt": "wdt", "deep_sleep": "deepsleep"}


def run(rig):
    """Live until the run is over. rig.told(text) takes what concerns nobody but the host."""
    chip, kernel, history = rig.chip, rig.kernel, rig.history
    kind = "power_on"
    while True:
        history.chip("reset", "cause", CAUSES[kind])
        try:
            chip.begin(kind)
            if rig.littlefs:
                rig.littlefs.mount()
            rig.moments.hit("boot")
            kernel.wait(kernel.now_ms + BOOT_MS)
            _life(rig)
        except ChipReset as e:
            end = e
        rig.tap.cut()
        chip.stack.reset()
        chip.wifi.reset()
        chip.wdt_disarm()
        kernel.revive()
        boot.clear(end.kind)
        while True:
            try:
                if end.kind == OVER:
                    return
                kind = _between(rig, end)
                break
            except ChipReset as e:
                end = e
                kernel.revive()


def _between(rig, end):
    """From one life to the next. Returns the kind of reset that the next one begins with; raises the ChipReset that comes first."""
    kernel, history = rig.kernel, rig.history
    kind = end.kind
    if kind in ("task_wdt", "int_wdt"):
        history.chip("bite", "why", end.why)
        kernel.wait(kernel.now_ms + FATAL_MS)
    elif kind == "deep_sleep":
        history.chip("sleep", "ms", end.sleep_ms)
        kernel.wait(kernel.now_ms + end.sleep_ms)
    elif kind == OFF:
        history.chip("power", "on", False)
        rig.tally.memory_lost()
        while not rig.powered:
            try:
                kernel.wait(None, lambda: rig.powered)
            except ChipReset as e:
                if e.kind == OVER:
                    raise
                kernel.revive()     # a chip without power cannot be reset
        history.chip("power", "on", True)
        kind = "power_on"
    elif kind in ("power_on", "en", "brownout"):
        rig.tally.memory_lost()
    return kind


def _life(rig):
    """boot.py, main.py, then silence: nobody sits at the prompt. A soft reset begins again, within the same life."""
    while True:
        # The chip seeds it with true noise at every start; the interpreter with the machine's time.
        random.seed(rig.chip.rng.bits())
        scope = {"__name__": "__main__"}
        how = _script(rig, "boot.py", scope)
        if how == boot.ENDED:
            how = _script(rig, "main.py", scope)
        if how != boot.EXITED:
            # Nobody sits at the prompt and looks at what the script left: the world, in the same heap, may need the room.
            scope.clear()
            rig.kernel.wait(None)
        rig.chip.console.text("MPY: soft reboot\n")
        rig.history.chip("reset", "cause", "soft")
        boot.clear("soft")


def _script(rig, name, scope):
    """Run a script of the chip's file system. -> ENDED (also when there is none), RAISED or EXITED."""
    try:
        os.stat(name)
    except OSError:
        return boot.ENDED
    try:
        execfile(name, scope)
    except SystemExit:
        return boot.EXITED
    except KeyboardInterrupt as e:
        # No Ctrl-C comes over the simulated line: this is the host, which has seen that the firmware computes without ever
        # asking the world for anything. So would it for ever: time goes on without it until something ends its life.
        where = _where(e)
        rig.told(where)
        rig.history.chip("spin", "where", _innermost(where))
        rig.kernel.wait(None)
    except Exception as e:
        rig.chip.console.print_exception(e)
        return boot.RAISED
    return boot.ENDED


def _innermost(trace):
    """The innermost line of the firmware in a traceback."""
    lines = [line for line in trace.split("\n") if line.startswith("  File") and "holdfast_bench" not in line]
    return lines[-1][2:] if lines else ""


def _where(error):
    import io
    import sys
    out = io.StringIO()
    sys.print_exception(error, out)
    return out.getvalue()


def enter(rig, flash, frozen, image=None):
    """Make a folder of the host the chip's file system, and another one, if any, what its image has frozen in; with `image`, a blank
    one, the content of the folder goes onto littlefs in it. Nothing of the bench can be imported after this."""
    here = os.getcwd()
    if image:
        from .flash import LittleFs
        rig.littlefs = LittleFs(rig.chip, _absolute(here, image))
    if frozen:
        os.mount(os.VfsPosix(_absolute(here, frozen)), FROZEN)
    real = os.VfsPosix(_absolute(here, flash))
    os.umount("/")
    os.mount(real, "/")
    os.chdir("/")
    if image:
        rig.littlefs.fill()
    gc.collect()


def _absolute(here, path):
    return path if path[0] == "/" else here + "/" + path
