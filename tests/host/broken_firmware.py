"""Firmwares broken on purpose, for tests of the bench: the checkout's, with a few lines behind one of its modules.

Appended rather than edited, so that a firmware that is written differently tomorrow is broken in the same way.
"""

import shutil

from holdfast_bench import checkout

BROKEN = {
    # What was on its way when the connection broke is taken for acknowledged, and never sent again.
    "no_replay": ("outbox.py", """
_rewind = Outbox.rewind


def _forget(self):
    for seq in list(getattr(self, "seqs", ())):
        if seq > 0:
            self._finish(seq)
    _rewind(self)


Outbox.rewind = _forget
"""),
    # The ring is not looked at after a reset: what it held is gone, and nobody is told.
    "no_memory": ("recover.py", """
_recover = recover


def recover(ring, seen):
    _recover(ring, lambda seq: None)
    ring.block.head = ring.block.tail
    ring.block.head_seq = ring.block.next_seq
    return ()
"""),
    # The watchdog is fed as long as the loop turns, whatever the tasks do.
    "watchdog_always_fed": ("watchdog.py", """
Watchdog.late = lambda self, now: None
"""),
}


def broken_firmware(folder, name):
    """A copy of firmware/ in `folder`, broken as BROKEN has it under `name`; its path."""
    target = folder / ("firmware-" + name)
    shutil.copytree(checkout.FIRMWARE, target, ignore=shutil.ignore_patterns("__pycache__"))
    module, lines = BROKEN[name]
    with open(target / "holdfast" / module, "a") as f:
        f.write(lines)
    return target
