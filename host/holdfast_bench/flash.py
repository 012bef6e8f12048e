"""Flashes MicroPython with esptool: checks the image first, so that a wrong one never reaches the board.

May use: board files, esptool as a tool, the image's own headers. Knows nothing of Holdfast's firmware.
"""

import importlib.metadata
import re
import struct
from pathlib import Path

from . import tools
from .boards.serial import port_error
from .choices import BUILD
from .errors import BenchError
from .firmware_image import CHIP_IDS, IMAGE_MAGIC, TABLE_AT, ImageError, read_combined

TABLE_MAGIC = b"\xaa\x50"
LIMIT_S = 300


def check_image(path, board):
    """The bytes of a combined image for this board and what is in it (Combined): right chip, complete, undamaged. Raises BenchError."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as e:
        if isinstance(e, FileNotFoundError):
            raise BenchError("there is no image %s: download %s-<date>-v<version>.bin from %s" % (path, board.image, board.image_url)) from None
        raise BenchError("cannot read %s: %s" % (path, e.strerror)) from None
    take = "take %s-….bin from %s" % (board.image, board.image_url)
    if len(data) < 24 or data[0] != IMAGE_MAGIC:
        raise BenchError("%s is no ESP32 image%s: %s" % (path, _looks_like(data, board), take))
    chip = CHIP_IDS.get(struct.unpack_from("<H", data, 12)[0], "an unknown chip")
    if chip != board.chip:
        raise BenchError("%s is for %s, but this board has %s: %s" % (path, chip, board.chip, take))
    try:
        found = read_combined(data, board.flash_offset)
    except ImageError as e:
        if data[TABLE_AT - board.flash_offset:][:2] != TABLE_MAGIC and len(data) > TABLE_AT - board.flash_offset:
            raise BenchError("%s holds no partition table where it belongs: not a combined image (for updates over the air, perhaps): %s" % (path, take)) from None
        what = "truncated (%d bytes)" % len(data) if "truncated" in str(e) or "ends before" in str(e) or "no partition table" in str(e) else "no good: %s" % e
        raise BenchError("%s is %s: download it again" % (path, what)) from None
    if board.flash_offset + len(data) > board.flash_mb << 20:
        raise BenchError("%s has %d KB and does not fit into the %d MB of flash that the board file names" % (path, len(data) >> 10, board.flash_mb))
    return data, found


def _looks_like(data, board):
    if data[:64].lstrip()[:1] == b"<":
        return " (it looks like a web page)"
    if data[:16] == b"\xff" * 16 and data[board.flash_offset:][:1] == bytes((IMAGE_MAGIC,)):
        return " for offset 0x%x (it begins with empty flash: it is made for offset 0x0)" % board.flash_offset
    return ""


def find_image(board, folders=None):
    """The newest image for this board by its name, in the current folder or where set-up puts them; None when there is none."""
    named = re.compile(re.escape(board.image) + r"-(\d{8})-v[\w.-]+\.bin")
    found = [(m.group(1), p) for folder in folders or (Path.cwd(), BUILD / "images") if folder.is_dir()
             for p in sorted(folder.iterdir()) for m in [named.fullmatch(p.name)] if m]
    return max(found, key=lambda f: f[0])[1] if found else None


def image_for(given, board):
    """The image given, or the one found. Raises BenchError."""
    path = given or find_image(board)
    if path is None:
        raise BenchError("which image? Download %s-<date>-v<version>.bin from %s and give it with --image" % (board.image, board.image_url))
    return Path(path)


def command_line(board, port, image, erase=False, baud=None, version=None):
    """esptool's command line, in the words of the installed version (4: underscores, 5: dashes)."""
    major = int((version or _installed()).split(".")[0])
    words = (lambda w: w) if major >= 5 else (lambda w: w.replace("-", "_"))
    return tools.python_tool("esptool", "--chip", board.chip, "--port", port, "--baud", baud or board.flash_baud,
                             words("write-flash"), *(["--erase-all"] if erase else []), "-z", hex(board.flash_offset), image)


def _installed():
    """esptool's version. Raises BenchError where there is none."""
    try:
        return importlib.metadata.version("esptool")
    except importlib.metadata.PackageNotFoundError:
        raise BenchError("esptool is not installed here: run `make setup`, or pip install esptool") from None


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
