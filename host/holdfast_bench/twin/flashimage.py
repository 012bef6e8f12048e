"""The flash of a twin as a file: what the loader writes, the board boots from, and the chip's process has its files in.

A board that nobody has flashed gets stand-ins for boot loader, partition table and MicroPython: complete images by their headers, checksums
and hashes, with nothing in them. May use: firmware_image (the formats).
"""

from pathlib import Path

from ..firmware_image import app_stand_in, loader_stand_in, partition_table, standard_partitions

SIZE = 4 * 1024 * 1024
VFS_AT = 0x200000
TABLE_AT, APP_AT = 0x8000, 0x10000
JEDEC_ID = 0x1640C8      # GigaDevice, 4 MB: capacity, type, manufacturer


def blank(path, size=SIZE):
    """A flash that was never written. Sparse where the file system allows it: 0xFF is stored, zeros would not be."""
    Path(path).write_bytes(b"\xff" * size)


def with_micropython(path, chip, size=SIZE):
    """A flash with the stand-ins for `chip` (rom.chips) and an empty file system."""
    blank(path, size)
    with open(path, "r+b") as f:
        for at, data in ((chip.boot_at, loader_stand_in(chip.image_id)), (TABLE_AT, partition_table(standard_partitions(size))),
                         (APP_AT, app_stand_in(chip.image_id))):
            f.seek(at)
            f.write(data)


def erase_vfs(path):
    """An empty file system: formatted at the next start."""
    with open(path, "r+b") as f:
        f.seek(VFS_AT)
        f.write(b"\xff" * (SIZE - VFS_AT))


class FlashFile:
    """NOR flash in a file: erasing sets to 0xFF, programming can only clear bits. on_erased(offset, size) is told of erasures."""

    jedec_id = JEDEC_ID

    def __init__(self, path, size=SIZE, on_erased=lambda offset, size: None):
        self.path, self.size, self._on_erased = Path(path), size, on_erased

    def read(self, offset, size):
        with open(self.path, "rb") as f:
            f.seek(offset)
            return f.read(size)

    def erase(self, offset, size):
        self._write(offset, b"\xff" * size)
        self._on_erased(offset, size)

    def program(self, offset, data):
        old = self.read(offset, len(data))
        kept = int.from_bytes(old, "little") & int.from_bytes(data, "little")
        self._write(offset, kept.to_bytes(len(data), "little"))

    def _write(self, offset, data):
        with open(self.path, "r+b") as f:
            f.seek(offset)
            f.write(data)
