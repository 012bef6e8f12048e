"""The formats of what is flashed onto an ESP32: image headers, segments and their sums, partition tables, the app's description.

By ESP-IDF's esp_app_format.h, esp_app_desc.h and "Partition Tables". Reading says what is wrong in words; making is for stand-ins
and for images that `holdfast image` puts together. Pure: bytes in, bytes or findings out.
"""

import hashlib
import re
import struct
from dataclasses import dataclass

IMAGE_MAGIC, DESC_MAGIC, ENTRY_MAGIC, MD5_MAGIC = 0xE9, 0xABCD5432, 0x50AA, 0xEBEB
CHIP_IDS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 13: "esp32c6", 12: "esp32c2", 16: "esp32h2", 18: "esp32p4", 23: "esp32c5"}
TABLE_AT, TABLE_SIZE = 0x8000, 0xC00
SEGMENTS_MAX = 16
_HEADER, _DESC_AT = 24, 32
APP, DATA = 0, 1
NVS_TYPE, LITTLEFS_TYPE, FAT_TYPE = 2, 0x83, 0x81


class ImageError(ValueError):
    """What is wrong with an image; `what` is the boot loader's way to say it."""

    def __init__(self, text, what=""):
        super().__init__(text)
        self.what = what or text


@dataclass(frozen=True)
class Image:
    """One image in the flash: a boot loader or an application."""

    chip_id: int
    size: int               # with checksum and hash
    version: str = ""       # of the application's description; empty without one
    project: str = ""

    @property
    def chip(self):
        return CHIP_IDS.get(self.chip_id, "an unknown chip (%d)" % self.chip_id)


@dataclass(frozen=True)
class Partition:
    type: int
    subtype: int
    offset: int
    size: int
    label: str

    @property
    def end(self):
        return self.offset + self.size


def read_image(data, at=0):
    """The Image that begins at data[at]. Raises ImageError when it is none, not complete, or damaged."""
    if len(data) < at + _HEADER:
        raise ImageError("it ends before the image's header", "image is truncated")
    magic, segments = data[at], data[at + 1]
    if magic != IMAGE_MAGIC:
        raise ImageError("there is no image at 0x%x" % at, "image at 0x%x has invalid magic byte (nothing flashed here?)" % at)
    if not 0 < segments <= SEGMENTS_MAX:
        raise ImageError("the image's header is damaged", "image at 0x%x segment count %d invalid" % (at, segments))
    position, bodies = at + _HEADER, []
    for _ in range(segments):
        if len(data) < position + 8:
            raise ImageError("the image is truncated", "image is truncated")
        size = struct.unpack_from("<I", data, position + 4)[0]
        body = data[position + 8:position + 8 + size]
        if len(body) < size:
            raise ImageError("the image is truncated: %d bytes of a segment are missing" % (size - len(body)), "Segment size exceeds the partition")
        bodies.append(body)
        position += 8 + size
    position += 15 - (position - at) % 16        # the sum is the last byte of a block of 16
    if len(data) <= position:
        raise ImageError("the image is truncated", "image is truncated")
    read, position = data[position], position + 1
    if data[at + 23]:       # a hash says the same as the checksum, faster
        if len(data) < position + 32:
            raise ImageError("the image is truncated", "image is truncated")
        if hashlib.sha256(data[at:position]).digest() != data[position:position + 32]:
            raise ImageError("the image is damaged: its hash is wrong", "Image hash failed - image is corrupt")
        position += 32
    else:
        checksum = 0xEF
        for body in bodies:
            checksum ^= _xor(body)
        if read != checksum:
            raise ImageError("the image is damaged: its checksum is wrong", "Checksum failed. Calculated 0x%x read 0x%x" % (checksum, read))
    version = project = ""
    if len(data) >= at + _DESC_AT + 80 and struct.unpack_from("<I", data, at + _DESC_AT)[0] == DESC_MAGIC:
        version, project = (_text(data[at + _DESC_AT + i:at + _DESC_AT + i + 32]) for i in (16, 48))
    said = None if version else re.search(rb"MPY version : (v[\w.-]+)", data[at:position])
    if said:
        version, project = said.group(1).decode(), "micropython"      # official builds leave the description empty
    return Image(struct.unpack_from("<H", data, at + 12)[0], position - at, version, project)


def _xor(data):
    """XOR of all bytes: the halves of one long number folded onto each other."""
    bits = 1 << max(3, (len(data) * 8 - 1).bit_length())
    state = int.from_bytes(data, "little")
    while bits > 8:
        bits //= 2
        state = state >> bits ^ state & ((1 << bits) - 1)
    return state


def _text(data):
    return data.partition(b"\0")[0].decode("utf-8", "replace")


@dataclass(frozen=True)
class Combined:
    """A file as it is flashed in one piece: boot loader, partition table, application, and perhaps a file system."""

    loader: Image
    partitions: list
    app: Image
    end: int                # of the application, from the beginning of the flash


def read_combined(data, flash_offset):
    """What is in a file that is flashed at `flash_offset`. Raises ImageError: what is missing or damaged."""
    loader = read_image(data)
    table = data[TABLE_AT - flash_offset:][:TABLE_SIZE]
    partitions = read_partitions(table)
    app = next((p for p in sorted(partitions, key=lambda p: p.offset) if p.type == APP), None)
    if app is None:
        raise ImageError("its partition table has no place for an application")
    found = read_image(data, app.offset - flash_offset)
    if found.size > app.size:
        raise ImageError("its application is larger than the partition for it")
    return Combined(loader, partitions, found, app.offset + found.size)


def make_image(chip_id, segments, entry=0x40080000):
    """The bytes of an image of [(load address, bytes)], with checksum and hash."""
    made = struct.pack("<BBBBI", IMAGE_MAGIC, len(segments), 2, 0x20, entry)     # DIO, 4 MB, 40 MHz
    made += struct.pack("<B3sHBHH4sB", 0xEE, b"\0\0\0", chip_id, 0, 0, 0xFFFF, b"\0" * 4, 1)
    checksum = 0xEF
    for address, body in segments:
        body += b"\0" * (-len(body) % 4)
        made += struct.pack("<II", address, len(body)) + body
        checksum ^= _xor(body)
    made += b"\0" * (15 - len(made) % 16) + bytes((checksum,))
    return made + hashlib.sha256(made).digest()


def app_description(version, project, idf="v5.4.2"):
    """esp_app_desc_t."""
    return struct.pack("<II8s32s32s16s16s32s32s80s", DESC_MAGIC, 0, b"", version.encode(), project.encode(), b"12:00:00", b"Sep 11 2025", idf.encode(),
                       b"\0" * 32, b"")


def loader_stand_in(chip_id):
    return make_image(chip_id, [(0x3FFF0030, b"stand-in for a boot loader".ljust(64, b"\0"))])


def app_stand_in(chip_id, version="v1.26.1"):
    return make_image(chip_id, [(0x3F400020, app_description(version, "micropython") + b"stand-in for MicroPython".ljust(64, b"\0"))])


def standard_partitions(flash_size):
    """MicroPython's table for a flash of that many bytes, without OTA: what is left is the file system."""
    return [Partition(DATA, NVS_TYPE, 0x9000, 0x6000, "nvs"), Partition(DATA, 1, 0xF000, 0x1000, "phy_init"),
            Partition(APP, 0, 0x10000, 0x1F0000, "factory"), Partition(DATA, FAT_TYPE, 0x200000, flash_size - 0x200000, "vfs")]


def partition_table(partitions):
    """The bytes of a table, with its MD5."""
    rows = b"".join(struct.pack("<HBBII16sI", ENTRY_MAGIC, p.type, p.subtype, p.offset, p.size, p.label.encode(), 0) for p in partitions)
    return (rows + struct.pack("<H14s", MD5_MAGIC, b"\xff" * 14) + hashlib.md5(rows).digest()).ljust(TABLE_SIZE, b"\xff")


def read_partitions(data, flash_size=None):
    """[Partition] of the table in data (TABLE_SIZE bytes). Raises ImageError when it is none or damaged."""
    found = []
    for at in range(0, min(len(data), TABLE_SIZE) - 31, 32):
        magic, type_, subtype, offset, size, label, _ = struct.unpack_from("<HBBII16sI", data, at)
        if magic == ENTRY_MAGIC:
            if flash_size is not None and offset + size > flash_size:
                raise ImageError("partition %s does not fit into the flash of %d MB" % (_text(label), flash_size >> 20),
                                 "partition %d invalid - offset 0x%x size 0x%x exceeds flash chip size 0x%x" % (len(found), offset, size, flash_size))
            found.append(Partition(type_, subtype, offset, size, _text(label)))
        elif magic == MD5_MAGIC:
            if hashlib.md5(data[:at]).digest() != data[at + 16:at + 32]:
                raise ImageError("the partition table is damaged", "Failed to verify partition table")
            break
        else:
            break
    if not found:
        raise ImageError("there is no partition table", "Failed to verify partition table")
    return found


def file_system(partitions, flash_size):
    """The partition that MicroPython mounts: the one called vfs, otherwise (from 1.26 on) all behind the last one. None when there is no room."""
    for partition in partitions:
        if partition.label == "vfs":
            return partition
    start = max(p.end for p in partitions)
    return Partition(DATA, LITTLEFS_TYPE, start, flash_size - start, "vfs") if start < flash_size else None
