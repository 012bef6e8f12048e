"""Keeps the flash of a freshly deployed twin, so that the next run need not send the same firmware again.

Named by everything that was deployed but config.json: a copy is a board that was loaded before, and is then deployed
like any other (only what differs travels). Knows files only.
"""

import hashlib
import os
import shutil
import threading

from ..choices import BUILD
from ..deploy import bundle

FOLDER = BUILD / "twin"
KEPT_MAX = 3  # images of 4 MB


def key(firmware, interpreter):
    """What a deployed flash depends on."""
    h = hashlib.sha256(repr((interpreter.version, interpreter.bits)).encode())
    for path, data in sorted({**bundle.firmware_files(firmware), bundle.UMQTT_AT: bundle.umqtt_file()}.items()):
        h.update(b"%s\0%d\0" % (path.encode(), len(data)) + data)
    return h.hexdigest()[:20]


def restore(name, flash):
    """Puts the kept image in place. False when there is none."""
    try:
        shutil.copyfile(FOLDER / (name + ".bin"), flash)
    except OSError:
        return False
    return True


def keep(name, flash):
    """Keeps a copy of `flash`, and the newest others up to KEPT_MAX. Several runs may do so at once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = FOLDER / ("%s.%d-%d.part" % (name, os.getpid(), threading.get_ident()))
    shutil.copyfile(flash, partial)
    partial.replace(FOLDER / (name + ".bin"))
    for old in sorted(FOLDER.glob("*.bin"), key=lambda p: p.stat().st_mtime, reverse=True)[KEPT_MAX:]:
        old.unlink(missing_ok=True)
