"""`holdfast deploy`: the firmware and its configuration onto a board, with mpremote underneath."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from .. import deploy as deploying
from ..deploy import bundle
from ..deploy.overlay import with_application
from ..errors import BenchError
from . import completion
from .common import assignments, board_and_port, out, told


def register(app):
    app.command("deploy", epilog="Examples: [bold]holdfast deploy --board esp32-devkitc --port /dev/ttyUSB0[/]; "
                "[bold]holdfast deploy --board twin --port /tmp/twin1[/] (a port that [bold]holdfast twin[/] printed); "
                "[bold]holdfast deploy --board esp32-devkitc --app examples/sensor[/]")(deploy)


@told
def deploy(
    board: Annotated[str, typer.Option(autocompletion=completion.places, help="A name in boards/, or twin.")],
    port: Annotated[Optional[str], typer.Option(help="The board's port; not needed when only one such board is plugged in.")] = None,
    secrets: Annotated[Optional[Path], typer.Option(help="The secrets file; otherwise secrets.json in the checkout.")] = None,
    setting: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A setting over the example's, such as --set id=kitchen; several times.")] = None,
    app: Annotated[Optional[Path], typer.Option(metavar="FILE|DIR", help="Your application, instead of the stock one: a main.py, or the folder of one.")] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Without a configuration: the node then opens an access point for its first set-up, or takes one from `holdfast provision`.")] = False,
    via: Annotated[Literal["mpremote", "ampy"], typer.Option(help="The tool underneath.")] = "mpremote",
    source: Annotated[bool, typer.Option("--source", help="Deploy .py instead of compiled .mpy: slower to start, readable on the board.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
):
    """Deploy the firmware: only what has changed travels, and the board starts with it."""
    at, baud = board_and_port(board, port)
    if no_config and (secrets or setting):
        raise BenchError("--no-config: then there is nothing for --secrets and --set")
    config = None if no_config else bundle.make_config(bundle.read_secrets(secrets), assignments(setting))
    say = (lambda text: None) if quiet else (lambda text: out.print("  " + text, markup=False))
    with tempfile.TemporaryDirectory(prefix="holdfast-app-") as folder:
        firmware = None if app is None else with_application(app, folder + "/firmware")
        done = deploying.deploy(at, board, config, firmware, baud=baud, say=say, via=via, as_source=source)
    if not quiet:
        out.print("[green]deployed[/] to %s (MicroPython %s): %d files sent, %d were there already" % (at, done.version, len(done.sent), done.kept), soft_wrap=True)
