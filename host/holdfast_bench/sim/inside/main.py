"""Entry of the simulation's process: reads spec.json in the current folder, lives the run, leaves history.jsonl.

The last line of the history is the event `end` of src `sim`; without it the run was cut short. Exit status 3: the
firmware computed without end and was interrupted. May use: everything inside.
"""

import gc
import json
import micropython
import sys

from ...chip import boot
from ...world.kernel import WorldError
from . import lives
from .director import Director
from .rig import Rig

SPINS = 3


def main():
    micropython.kbd_intr(3)     # the host's SIGINT becomes a KeyboardInterrupt
    with open("spec.json") as f:
        spec = json.load(f)
    rig = Rig(spec, open("history.jsonl", "w"))
    frozen = spec.get("frozen")
    boot.install(rig.chip, rig.tap.send, frozen=lives.FROZEN if frozen else "")
    rig.tap.console = rig.chip.console
    gc.collect()
    share = gc.mem_alloc()
    if spec.get("measure"):
        sys.stdout.write("%d\n" % share)
        return
    lives.enter(spec["flash"], frozen)
    director = Director(rig)
    director.start()
    try:
        lives.run(rig)
    except lives.Spinning as e:
        rig.history.add("sim", "spins", "where", str(e))
        rig.history.close()
        sys.exit(SPINS)
    except WorldError as e:
        rig.history.close()
        if len(e.args) > 1:
            sys.print_exception(e.args[1], sys.stderr)
        raise
    rig.history.add("sim", "end", "virtual_ms", rig.kernel.now_ms, "events", rig.kernel._made, "lines", rig.history.count + 1)
    rig.history.close()


main()
