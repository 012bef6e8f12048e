"""`holdfast image`: one file with MicroPython, partition table and a file system that already holds firmware and configuration."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .. import flash as flashing
from ..boards import find
from ..deploy import bundle
from ..deploy import image as imaging
from ..errors import BenchError
from .common import assignments, out, told


def register(app):
    app.command("image", epilog="Example: [bold]holdfast image --board esp32-devkitc --out fleet.bin[/], then for each board "
                "[bold]holdfast flash --board esp32-devkitc --image fleet.bin[/], or esptool with the line that is printed.")(image)


@told
def image(
    board: Annotated[str, typer.Option(help="A name in boards/, or twin.")],
    to: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the image.")],
    micropython: Annotated[Optional[Path], typer.Option("--image", help="The MicroPython image, as downloaded. Otherwise the newest of this board in the current folder.")] = None,
    secrets: Annotated[Optional[Path], typer.Option(help="The secrets file; otherwise secrets.json in the checkout.")] = None,
    setting: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A setting over the example's, such as --set app.period_ms=500; several times.")] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Without a configuration: each node opens an access point for its first set-up, or takes one from `holdfast provision`.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Put .py in instead of compiled .mpy.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
):
    """Make one file that turns a blank board into a node: MicroPython, partitions, file system, firmware, configuration."""
    if board == "sim":
        raise BenchError("the simulation has no flash to write: use --board twin, or a real board")
    found = find("esp32-devkitc" if board == "twin" else board)
    base = flashing.image_for(micropython, found)
    if no_config and (secrets or setting):
        raise BenchError("--no-config: then there is nothing for --secrets and --set")
    config = None if no_config else bundle.make_config(bundle.read_secrets(secrets), assignments(setting))
    made = imaging.make(base, found, config, as_source=source)
    _write(to, made.data)
    if quiet:
        return
    out.print("  MicroPython %s from %s" % (made.micropython or "of an unknown version", base), markup=False, soft_wrap=True)
    out.print("  file system at 0x%x, %d KB, of which %d files take %d KB" % (
        made.partition.offset, made.partition.size >> 10, len(made.files), sum(map(len, made.files.values())) >> 10))
    if made.whole_flash:
        out.print("  the file system reaches to the end of the flash: only for boards with %d MB, as the board file says" % found.flash_mb)
    out.print("[green]made[/] %s, %d KB. %s" % (to, len(made.data) >> 10, "Its nodes are to be set up" if no_config else "It holds your Wi-Fi key: keep it as safe as secrets.json"), soft_wrap=True)
    out.print("next: holdfast flash --board %s --image %s\n  or: esptool --chip %s --port PORT write-flash 0x%x %s" % (
        board, to, found.chip, found.flash_offset, to), soft_wrap=True)


def _write(path, data):
    """Complete or not at all; readable for its owner only, since it holds secrets."""
    partial = path.with_name(path.name + ".part")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as e:
        raise BenchError("cannot write %s: %s" % (path, e.strerror)) from None
