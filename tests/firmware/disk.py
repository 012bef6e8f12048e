# disk.py - the virtual flash with a littlefs or FAT on it, in a file of the host: what a power cut leaves can be looked at as it
# happens.
import os

from holdfast_bench.world.flash import SECTOR, Flash

BLOCKS = 48


class Kernel:
    def spend_us(self, n):
        pass


_spare = []  # models of flash that are free: their buffers are big


# A block device over part of an image, as esp32.Partition is one. image: has read_at() and write_at().
class Device:
    def __init__(self, image, blocks=BLOCKS):
        self.blocks = blocks
        self.flash = _spare.pop() if _spare else Flash(Kernel(), image, blocks * SECTOR)
        self.flash.image = image

    # It is not used any more.
    def free(self):
        _spare.append(self.flash)

    def readblocks(self, block, buf, offset=0):
        self.flash.read(block * SECTOR + offset, buf)

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            for i in range(len(buf) // SECTOR):
                self.flash.erase(block + i)
            offset = 0
        self.flash.program(block * SECTOR + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return SECTOR
        if op == 6:
            self.flash.erase(arg)
            return 0


# The same for FAT: sectors of 512 bytes, each written as a whole or not at all. (On the chip each is one erase of 4 KB, and a cut
# within may take its neighbours along: FAT has no answer to that.)
class FatDevice:
    def __init__(self, image, blocks=BLOCKS):
        self.sectors = blocks * 8
        self.image = image
        self.writes = 0

    def free(self):
        pass

    def readblocks(self, block, buf):
        self.image.read_at(block * 512, buf, len(buf))

    def writeblocks(self, block, buf):
        for at in range(0, len(buf), 512):
            self.writes += 1
            self.image.write_at(block * 512 + at, memoryview(buf)[at : at + 512], 512)

    def ioctl(self, op, arg):
        if op == 4:
            return self.sectors
        if op == 5:
            return 512
        return 0


# The image, kept in a file. on_write(offset, buf): called before each write, erasing included; buf is valid during the call.
class Image:
    def __init__(self, path, blocks=BLOCKS):
        self.path = path
        with open(path, "wb") as f:
            for _ in range(blocks):
                f.write(b"\xff" * SECTOR)
        self._file = open(path, "r+b")
        self.on_write = None
        self.writes = 0

    def read_at(self, offset, buf, n):
        self._file.seek(offset)
        self._file.readinto(buf, n)

    def write_at(self, offset, buf, n):
        self.writes += 1
        if self.on_write:
            self.on_write(offset, memoryview(buf)[:n])
        self._file.seek(offset)
        self._file.write(buf, n)

    def close(self):
        self._file.close()
        os.remove(self.path)


_buffer = bytearray(SECTOR)


# The same image with changes that go nowhere: some bytes of a write that was cut off, and what is written on it later. The changed
# sectors lie in a file beside the image, so that they do not take the heap of what is tested.
class Overlay:
    def __init__(self, image, offset=0, buf=b""):
        self._image = image
        self._slots = {}
        self._buffer = _buffer
        self._file = open(image.path + "-overlay", "w+b")
        if buf:
            self.write_at(offset, buf, len(buf))

    def read_at(self, offset, buf, n):
        view = memoryview(buf)
        at = 0
        while at < n:
            number = (offset + at) // SECTOR
            inside = (offset + at) % SECTOR
            m = min(SECTOR - inside, n - at)
            if number in self._slots:
                self._file.seek(self._slots[number] * SECTOR + inside)
                self._file.readinto(view[at : at + m])
            else:
                self._image.read_at(offset + at, view[at : at + m], m)
            at += m

    def write_at(self, offset, buf, n):
        view = memoryview(buf)
        at = 0
        while at < n:
            number = (offset + at) // SECTOR
            inside = (offset + at) % SECTOR
            m = min(SECTOR - inside, n - at)
            if number not in self._slots:
                self._image.read_at(number * SECTOR, self._buffer, SECTOR)
                self._slots[number] = len(self._slots)
                self._file.seek(self._slots[number] * SECTOR)
                self._file.write(self._buffer)
            self._file.seek(self._slots[number] * SECTOR + inside)
            self._file.write(view[at : at + m])
            at += m

    def close(self):
        self._file.close()
        os.remove(self._image.path + "-overlay")


def mount(image, point, blocks=BLOCKS, fresh=False, fat=False):
    device = FatDevice(image, blocks) if fat else Device(image, blocks)
    vfs = os.VfsFat if fat else os.VfsLfs2
    if fresh:
        vfs.mkfs(device)
    os.mount(vfs(device), point)
    return device
