"""Runs in MicroPython: cuts the commit of a deployment at every write to the flash, and says which firmware is there after the next start.

argv: the commit script, bytes between two cuts. Prints "whole WRITTEN", then one line "CUT STATES" for each cut: a letter for each file, A old, B new.
"""

import os
import sys

SECTOR, SECTORS = 4096, 24
PATHS = ("/lib/holdfast/a.mpy", "/lib/holdfast/b.mpy", "/lib/holdfast/c.mpy", "/lib/holdfast/d.mpy", "/config.json", "/main.py")


class Cut(Exception):
    pass


class Flash:
    """NOR flash in memory; after `left` more bytes the power goes."""

    def __init__(self, data, left=None):
        self.data, self.left, self.written = data, left, 0

    def readblocks(self, block, buf, offset=0):
        at = block * SECTOR + offset
        buf[:] = self.data[at:at + len(buf)]

    def write(self, at, new):
        n = len(new)
        if self.left is not None:
            n = min(n, self.left)
            self.left -= n
        self.data[at:at + n] = new[:n]
        self.written += n
        if n < len(new) or self.left == 0:
            raise Cut

    def writeblocks(self, block, buf, offset=None):
        at = block * SECTOR + (offset or 0)
        self.write(at, bytes([self.data[at + i] & buf[i] for i in range(len(buf))]))

    def ioctl(self, op, arg):
        if op == 4:
            return SECTORS
        if op == 5:
            return SECTOR
        if op == 6:
            self.write(arg * SECTOR, b"\xff" * SECTOR)
            return 0


def on(flash, work):
    """work() with the flash as the root."""
    os.mount(os.VfsLfs2(flash), "/")
    os.chdir("/")
    try:
        return work()
    finally:
        os.umount("/")


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def prepare(commit):
    for folder in ("/lib", "/lib/holdfast", "/next", "/next/lib", "/next/lib/holdfast"):
        os.mkdir(folder)
    for i, path in enumerate(PATHS):
        put(path, "A" * (40 if i % 2 else 700))
        put("/next" + path, "B" * (40 if i % 2 else 700))
    put("/next/commit.part", commit)


def begin():
    os.rename("/next/commit.part", "/next/commit.py")
    finish()


def finish():
    with open("/next/commit.py") as f:
        text = f.read()
    exec(text, {})


def letter(path):
    with open(path) as f:
        return f.read(1)


def boot():
    """What boot.py does, then what there is."""
    try:
        finish()
    except OSError:
        pass
    return "".join([letter(path) for path in PATHS]) + (" left over" if "next" in os.listdir("/") and "commit.py" in os.listdir("/next") else "")


def main(commit, step):
    with open(commit) as f:
        commit = f.read()
    os.umount("/")
    flash = Flash(bytearray(b"\xff" * (SECTOR * SECTORS)))
    os.VfsLfs2.mkfs(flash)
    on(flash, lambda: prepare(commit))
    prepared = bytes(flash.data)
    flash = Flash(bytearray(prepared))
    on(flash, begin)
    print("whole", flash.written)
    for cut in range(1, flash.written, int(step)):
        broken = Flash(bytearray(prepared), cut)
        try:
            on(broken, begin)
        except Cut:
            pass
        print(cut, on(Flash(broken.data), boot))


main(*sys.argv[-2:])
