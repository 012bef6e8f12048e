"""The flash image of a twin as a file of the host, and the chip's file system on it."""

from ..world import flash
from .os import _host as _os
from .soc import HIDDEN, chip

PARTITION = "vfs"
BOOT_PY = """# This file is executed on every boot (including wake-boot from deepsleep)
#import esp
#esp.osdebug(None)
#import webrepl
#webrepl.start()
"""


class FileImage:
    """Read and write anywhere in a file; the page cache keeps what a killed process wrote."""

    def __init__(self, path):
        self._file = open(path, "r+b")

    def read_at(self, offset, buf, n):
        self._file.seek(offset)
        self._file.readinto(buf, n)

    def write_at(self, offset, buf, n):
        self._file.seek(offset)
        self._file.write(buf, n)


def mount(life):
    """Put littlefs on the vfs partition of life["flash"] and mount it as the root; a blank partition is formatted, as the port
    does. With life["fast_flash"] its operations take no time. The host's file system is gone then, but for the frozen packages.
    -> whether it was blank. Raises OSError when another content does not mount."""
    from .esp32 import Partition
    kernel = _NoTime() if life["fast_flash"] else chip.kernel
    chip.flash = flash.Flash(kernel, FileImage(life["flash"]), life["flash_size"])
    bdev = Partition(PARTITION)
    blank = bytearray(4096)
    bdev.readblocks(0, blank)
    fresh = blank == b"\xff" * 4096
    del blank
    if fresh:
        _os.VfsLfs2.mkfs(bdev)
    if life["frozen"]:
        _os.mount(_os.VfsPosix(life["frozen"]), HIDDEN)
    _os.umount("/")
    _os.mount(_os.VfsLfs2(bdev), "/")
    _os.chdir("/")
    if fresh:
        with open("boot.py", "w") as f:
            f.write(BOOT_PY)
    return fresh


class _NoTime:
    def spend_us(self, n):
        pass

    def halt(self, reset):
        chip.kernel.halt(reset)

    def check(self):
        chip.kernel.check()
