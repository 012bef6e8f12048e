"""A littlefs as MicroPython's ESP32 port mounts it, made on the host. May use: littlefs-python. Bytes in, bytes out.

The geometry is VfsLfs2's: blocks of 4096 bytes, caches of 128 (so a small file lies in its directory up to that size), the on-disk
version that every MicroPython from 1.12 on reads.
"""

from littlefs import LittleFS
from littlefs.errors import LittleFSError

from ..errors import BenchError

BLOCK = 4096
_CACHE = 128
_DISK_VERSION = 0x00020000
_BLOCK_CYCLES = 100


def make(files, size):
    """A file system of `size` bytes that holds `files` ({"/a/b.py": bytes}), without the unused blocks at its end. Raises BenchError when they do not fit."""
    fs = _unmounted(size)
    fs.format()
    fs.mount()
    try:
        for path, data in files.items():
            folder = path.rpartition("/")[0]
            if folder:
                fs.makedirs(folder, exist_ok=True)
            with fs.open(path, "wb") as f:
                f.write(data)
    except LittleFSError as e:
        if e.code != LittleFSError.Error.LFS_ERR_NOSPC:
            raise
        raise BenchError("the files (%d KB) do not fit into the file system of %d KB" % (sum(map(len, files.values())) >> 10, size >> 10)) from None
    fs.unmount()
    image = bytes(fs.context.buffer)
    used = len(image.rstrip(b"\xff"))
    return image[:-(-used // BLOCK) * BLOCK]


def read(image, size):
    """{path: bytes} of a file system of `size` bytes, of which `image` is the beginning."""
    fs = _unmounted(size)
    fs.context.buffer[:len(image)] = image
    fs.mount()
    return {"%s/%s" % (folder.rstrip("/"), name): fs.open("%s/%s" % (folder, name), "rb").read() for folder, _, names in fs.walk("/") for name in names}


def _unmounted(size):
    return LittleFS(block_size=BLOCK, block_count=size // BLOCK, read_size=32, prog_size=32, cache_size=_CACHE, lookahead_size=32, block_cycles=_BLOCK_CYCLES,
                name_max=255, disk_version=_DISK_VERSION, mount=False)
