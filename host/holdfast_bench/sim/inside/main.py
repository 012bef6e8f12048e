"""Entry of the simulation's process: reads spec.json in the current folder, lives the run, leaves history.jsonl.

The last line of the history is the event `end` of src `sim`; without it the run was cut short. A dot goes out for every
BEAT_MS of virtual time: a host that sees none for long interrupts firmware that computes without end. May use: everything inside.
"""

import gc
import json
import micropython
import sys

from ...chip import boot
from ...world.kernel import WorldError
from . import lives
from .actions import Actions
from .director import Director
from .puppet import Puppet
from .rig import Rig

BEAT_MS = 10_000
NAMES_MAX, NAMES_STEP = 3000, 50
TABLE_BYTES = 8192      # a table of names is larger than this by now, everything else that happens with a step of names is smaller


def main():
    micropython.kbd_intr(3)     # the host's SIGINT becomes a KeyboardInterrupt
    with open("spec.json") as f:
        spec = json.load(f)
    spec["plan"]["actions"] = Actions(open("actions.jsonl", "rb"))
    rig = Rig(spec, open("history.jsonl", "wb"))
    frozen = spec.get("frozen")
    boot.install(rig.chip, rig.tap.send, frozen=lives.FROZEN if frozen else "")
    rig.tap.console = rig.chip.console
    rig.told = _told
    _make_room_for_names()
    gc.collect()
    gc.threshold(1 << 17)  # the firmware's 16 KB are for a chip: here the world allocates from the same heap, and would be collected all the time; seldomer, and the free heap is all in small pieces
    share = gc.mem_alloc()
    if spec.get("measure"):
        sys.stdout.write("%d\n" % share)
        return
    lives.enter(rig, spec["flash"], frozen, spec.get("littlefs"))
    (Puppet if spec.get("stepped") else Director)(rig).start()
    _beat(rig.kernel)
    try:
        lives.run(rig)
    except WorldError as e:
        rig.history.close()
        if len(e.args) > 1:
            sys.print_exception(e.args[1], sys.stderr)
        raise
    rig.history.add("sim", "end", "virtual_ms", rig.kernel.now_ms, "events", rig.kernel._made, "lines", rig.history.count + 1)
    rig.history.close()


def _make_room_for_names():
    """The interpreter keeps names in tables of doubling size, and world and firmware share them: the next table, for thousands, would
    be asked for in the middle of the firmware's life, in one piece that no chip needs. So it is made now, as part of the world."""
    before = gc.mem_alloc()
    for i in range(0, NAMES_MAX, NAMES_STEP):
        for n in range(i, i + NAMES_STEP):
            getattr(_beat, "_name%d" % n, None)
        now = gc.mem_alloc()    # looks at the whole heap: seldom, or it is most of a short run
        if now - before > TABLE_BYTES:
            return
        before = now


def _beat(kernel):
    sys.stdout.buffer.write(b".")
    kernel.after(BEAT_MS, _beat, kernel)


def _told(text):
    sys.stdout.buffer.write(text.encode())


main()
