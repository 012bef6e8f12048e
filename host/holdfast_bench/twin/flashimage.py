"""The flash of a twin as a file: 4 MB, blank or from an image. The chip's process reads and writes it; the ROM loader will."""

from pathlib import Path

SIZE = 4 * 1024 * 1024
VFS_AT = 0x200000


def blank(path):
    """A flash that was never written. Sparse where the file system allows it: 0xFF is stored, zeros would not be."""
    Path(path).write_bytes(b"\xff" * SIZE)


def erase_vfs(path):
    """An empty file system: formatted at the next start."""
    with open(path, "r+b") as f:
        f.seek(VFS_AT)
        f.write(b"\xff" * (SIZE - VFS_AT))
