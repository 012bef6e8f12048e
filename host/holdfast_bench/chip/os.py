"""os, as on the ESP32: the interpreter's file functions on the chip's file system, the chip's name and its chance."""

import os as _host
from collections import namedtuple

from . import sys as _sys
from .soc import HIDDEN, chip

chdir = _host.chdir
getcwd = _host.getcwd
mkdir = _host.mkdir
remove = _host.remove
rmdir = _host.rmdir
sep = "/"
stat = _host.stat
statvfs = _host.statvfs
umount = _host.umount
unlink = _host.unlink
VfsFat = _host.VfsFat
VfsLfs2 = _host.VfsLfs2


def rename(old, new):
    """VfsPosix of 1.26 (the simulation's file system) mixes two absolute paths up."""
    if _host.getcwd() == "/":
        old, new = old.lstrip("/"), new.lstrip("/")
    _host.rename(old, new)


def sync():
    """Does nothing for littlefs."""


def dupterm(stream, index=0):
    """No second terminal is modelled; None is what the port returns when there was none."""


def dupterm_notify(_):
    pass


def urandom(n):
    """n bytes from the chip's stream of the run's seed."""
    chip.kernel.spend_us(n)
    return chip.rng.fill(n)


def uname():
    release = ".".join([str(n) for n in _sys.implementation.version[:3]])
    return namedtuple("", ("sysname", "nodename", "release", "version", "machine"))(
        "esp32", "esp32", release, "v%s on 2025-09-11" % release, chip.model.machine)


def ilistdir(*path):
    for row in _host.ilistdir(*path):
        if row[0] != HIDDEN[1:]:
            yield row


def listdir(*path):
    return [name for name in _host.listdir(*path) if name != HIDDEN[1:]]


def mount(*what, **options):
    found = _host.mount(*what, **options)
    if what:
        return found
    return [row for row in found if row[1] != HIDDEN]
