"""The chip's file system as it is: littlefs on flash that is erased and programmed, so that the power can go in the middle of it.

Only for runs that want that: a folder of the host is quicker. May use: chip.esp32, chip.flashfile, world.flash.
"""

import os

from ...chip.esp32 import Partition
from ...chip.flashfile import PARTITION, FileImage
from ...world.flash import SECTOR, Flash

PIECE = 4096


class _Life:
    """The block device of one life. What a dead one still closes, in the garbage collector, goes nowhere."""

    def __init__(self):
        self.over = False
        self._partition = Partition(PARTITION)

    def readblocks(self, *args):
        return self._partition.readblocks(*args)

    def writeblocks(self, *args):
        if not self.over:
            return self._partition.writeblocks(*args)

    def ioctl(self, op, arg):
        if op != 6 or not self.over:
            return self._partition.ioctl(op, arg)


class _Bare:
    """The same blocks without physics, to be filled quickly."""

    def __init__(self, flash):
        self._image, self._blank = flash.image, b"\xff" * SECTOR
        _, _, self._at, self._size = Partition(PARTITION).info()[:4]

    def readblocks(self, block, buf, offset=0):
        self._image.read_at(self._at + block * SECTOR + offset, buf, len(buf))

    def writeblocks(self, block, buf, offset=0):
        self._image.write_at(self._at + block * SECTOR + offset, buf, len(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return self._size // SECTOR
        if op == 5:
            return SECTOR
        if op == 6:
            self._image.write_at(self._at + arg * SECTOR, self._blank, SECTOR)
            return 0


class LittleFs:
    def __init__(self, chip, image):
        """image: path of a file as large as the flash, blank."""
        self._chip = chip
        chip.flash = Flash(chip.kernel, FileImage(image), os.stat(image)[6])
        self._life = None

    def fill(self):
        """What is in the present root becomes the content of a fresh file system, which takes its place. Takes no time."""
        blocks = _Bare(self._chip.flash)
        os.VfsLfs2.mkfs(blocks)
        os.mount(os.VfsLfs2(blocks), "/_new")
        _copy("", "/_new")
        os.umount("/_new")

    def mount(self):
        """At the start of a life: what is on the flash, whatever the last one was doing."""
        if self._life:
            self._life.over = True
        self._life = _Life()
        self._chip.flash.revive()
        os.umount("/")
        os.mount(os.VfsLfs2(self._life), "/")
        os.chdir("/")


def _copy(source, target):
    for name, kind, *_ in sorted(os.ilistdir(source or "/")):
        if "/" + name in ("/_frozen", "/_new"):
            continue
        if kind == 0x4000:
            os.mkdir(target + "/" + name)
            _copy(source + "/" + name, target + "/" + name)
            continue
        with open(source + "/" + name, "rb") as old, open(target + "/" + name, "wb") as new:
            while True:
                piece = old.read(PIECE)
                if not piece:
                    break
                new.write(piece)
