"""`holdfast flash`: MicroPython onto a board, with esptool underneath."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .. import flash as flashing
from ..boards import boardfile, find
from ..boards.ports import choose
from ..errors import BenchError
from .common import out, told


def register(app):
    app.command("flash", epilog="Example: [bold]holdfast flash --board esp32-devkitc --port /dev/ttyUSB0 --image ESP32_GENERIC-20250911-v1.26.1.bin[/]")(flash)


@told
def flash(
    board: Annotated[str, typer.Option(help="A name in boards/.")],
    image: Annotated[Optional[Path], typer.Option(help="The MicroPython image, as downloaded, or what `holdfast image` made. Otherwise the newest of this board in the current folder.")] = None,
    port: Annotated[Optional[str], typer.Option(help="The board's port; not needed when only one such board is plugged in.")] = None,
    erase: Annotated[bool, typer.Option("--erase", help="Erase the whole flash first: for a first installation, or after file system trouble.")] = False,
    baud: Annotated[Optional[int], typer.Option(help="Another speed than the board file's.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
):
    """Flash MicroPython. The image is checked for chip and completeness before the board is touched."""
    if board in boardfile.VIRTUAL and board == "sim":
        raise BenchError("the simulation has no flash to write: use --board twin, or a real board")
    found = find(board) if board != "twin" else find("esp32-devkitc")
    image = flashing.image_for(image, found)
    flashing.check_image(image, found)
    at = choose(board, found, port)
    flashing.flash(found, at, image, erase, baud, None if quiet else lambda line: out.print("  " + line, markup=False))
    if not quiet:
        out.print("[green]flashed[/] %s at %s; next: holdfast deploy --board %s --port %s" % (image.name, at, board, at))
