"""Flashes MicroPython with esptool: checks the image first, so that a wrong one never reaches the board.

May use: board files, esptool as a tool, the image's own headers. Knows nothing of Holdfast's firmware.
"""

import importlib.metadata
import re
import struct
from pathlib import Path

from . import tools
from .boards.serial import port_error
from .errors import BenchError

# Chip ids in byte 12 of an image header (ESP-IDF, esp_app_format.h).
CHIP_IDS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 13: "esp32c6", 12: "esp32c2", 16: "esp32h2", 18: "esp32p4", 23: "esp32c5"}
_IMAGE_MAGIC, _TABLE_MAGIC = 0xE9, b"\xaa\x50"
_TABLE_AT, _APP_AT = 0x8000, 0x10000
_SEGMENTS_MAX = 16
LIMIT_S = 300


def check_image(path, board):
    """The bytes' worth of a combined image for this board: right chip, complete. Returns its size. Raises BenchError."""
    path = Path(path)
    if not path.is_file():
        raise BenchError("there is no image %s: download %s-<date>-v<version>.bin from %s" % (path, board.image, board.image_url))
    data = path.read_bytes()
    if len(data) < 24 or data[0] != _IMAGE_MAGIC:
        hint = " (it looks like a web page)" if data[:64].lstrip()[:1] == b"<" else ""
        raise BenchError("%s is no ESP32 image%s: download %s-….bin from %s" % (path, hint, board.image, board.image_url))
    chip = CHIP_IDS.get(struct.unpack_from("<H", data, 12)[0], "an unknown chip")
    if chip != board.chip:
        raise BenchError("%s is for %s, but this board has %s: take %s-….bin" % (path, chip, board.chip, board.image))
    table = _TABLE_AT - board.flash_offset
    if data[table:table + 2] != _TABLE_MAGIC:
        raise BenchError("%s holds no partition table where it belongs: not a combined image (for updates over the air, perhaps); "
                         "take %s-….bin" % (path, board.image))
    needed = _app_end(data, _APP_AT - board.flash_offset)
    if needed is None or len(data) < needed:
        raise BenchError("%s is truncated (%d bytes): download it again" % (path, len(data)))
    return len(data)


def _app_end(data, at):
    """Where the application's segments end, by their headers; None when these are cut off."""
    if len(data) < at + 24 or data[at] != _IMAGE_MAGIC:
        return None
    segments, position = data[at + 1], at + 24
    if segments > _SEGMENTS_MAX:
        return None
    for _ in range(segments):
        if len(data) < position + 8:
            return None
        position += 8 + struct.unpack_from("<I", data, position + 4)[0]
    return position + 1


def command_line(board, port, image, erase=False, baud=None, version=None):
    """esptool's command line, in the words of the installed version (4: underscores, 5: dashes)."""
    major = int((version or importlib.metadata.version("esptool")).split(".")[0])
    words = (lambda w: w) if major >= 5 else (lambda w: w.replace("-", "_"))
    return tools.python_tool("esptool", "--chip", board.chip, "--port", port, "--baud", baud or board.flash_baud,
                             words("write-flash"), *(["--erase-all"] if erase else []), "-z", hex(board.flash_offset), image)


def flash(board, port, image, erase=False, baud=None, on_line=None):
    """Checks the image and writes it. Raises BenchError in the user's words."""
    check_image(image, board)
    said = tools.run(command_line(board, port, image, erase, baud), LIMIT_S, "esptool", on_line)
    if said.status:
        raise _in_our_words(said, board, port)


def _in_our_words(said, board, port):
    """esptool's last words as one line with what to do."""
    text = said.text
    if re.search(r"could not open|port is busy|doesn't exist|PermissionError", text, re.I):
        number = re.search(r"\[Errno (\d+)\]", text)
        return port_error(port, OSError(int(number.group(1)) if number else 0, said.last_line))
    if re.search(r"Failed to connect|No serial data received|Wrong boot mode", text):
        return BenchError("the chip at %s does not answer the loader: hold BOOT, tap RESET, and try again. %s" % (port, " ".join(board.notes[:1])))
    wrong = re.search(r"This chip is (\S+?),? not (\S+)", text)
    if wrong:
        return BenchError("the chip at %s is %s, but the board file says %s: choose another --board" % (port, wrong.group(1), board.chip))
    return BenchError("esptool failed: %s" % said.last_line)
