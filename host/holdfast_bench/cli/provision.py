"""`holdfast provision`: the first configuration of a node that has none, over serial."""

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from .. import provision as provisioning
from ..deploy import bundle
from ..errors import BenchError
from . import completion
from .common import JSON_HELP, assignments, board_and_port, out, told, write_json


def register(app):
    app.command("provision", epilog="Example: [bold]holdfast provision --board esp32-devkitc --set id=kitchen[/], with Wi-Fi and broker in secrets.json")(provision)


@told
def provision(
    board: Annotated[str, typer.Option(autocompletion=completion.places, help="A name in boards/, or twin.")],
    port: Annotated[Optional[str], typer.Option(help="The board's port; not needed when only one such board is plugged in.")] = None,
    secrets: Annotated[Optional[Path], typer.Option(help="The file with Wi-Fi and broker; otherwise secrets.json in the checkout.")] = None,
    setting: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A setting besides, such as --set id=kitchen; several times.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", help=JSON_HELP)] = None,
):
    """Set a node up that has no configuration. Status 0: it is online with it; 1: it could not, and why; 2: not known."""
    at, baud = board_and_port(board, port)
    config = json.loads(bundle.make_config(bundle.read_secrets(secrets), assignments(setting)))
    became = provisioning.provision(at, board, config, baud, lambda text: out.print("  " + text, markup=False))
    write_json({"port": str(at), "state": became or "unknown"}, json_file)
    if became == provisioning.KEPT:
        out.print("[green]set up[/]: a message got through, the configuration is kept")
    elif became:
        out.print("[red]not set up[/]: ", end="")
        out.print(became, markup=False)
        raise typer.Exit(1)
    else:
        raise BenchError("nothing was heard of it for %d s: look at its console" % provisioning.TRY_LIMIT_S)
