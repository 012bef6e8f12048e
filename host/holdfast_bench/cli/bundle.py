"""`holdfast bundle`: firmware and application as one signed file for updates over the air."""

import tempfile
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..deploy.overlay import with_application
from ..errors import BenchError
from ..update import signing
from .common import JSON_HELP, out, told, write_json


def register(app):
    app.command("bundle", epilog="Examples: [bold]holdfast bundle --new-key update.key[/], and the key into config.json as `update_key`; "
                "[bold]holdfast bundle --key update.key --app examples/climate --version 1.2.0 --out climate-1.2.0.hfb[/]")(bundle)


@told
def bundle(
    out_file: Annotated[Optional[Path], typer.Option("--out", help="What to write.", show_default="holdfast-<version>.hfb")] = None,
    key: Annotated[Optional[Path], typer.Option(help="The file with the key that nodes have as `update_key`.")] = None,
    app: Annotated[Optional[Path], typer.Option(metavar="FILE|DIR", help="Your application, instead of the stock one: a main.py, or the folder of one.")] = None,
    version: Annotated[Optional[str], typer.Option(help="Of what is in it, such as 1.2.0; nodes refuse an older one than they have.", show_default="that of the package")] = None,
    allow_downgrade: Annotated[bool, typer.Option("--allow-downgrade", help="Nodes take it also when it is older; the signature covers that.")] = False,
    source: Annotated[bool, typer.Option("--source", help=".py instead of compiled .mpy.")] = False,
    new_key: Annotated[Optional[Path], typer.Option(help="Only make a random key, in this file.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", help=JSON_HELP)] = None,
):
    """Make a signed bundle for `holdfast update`."""
    if new_key:
        signing.new_key(new_key)
        out.print("[green]made[/] %s: its content is the setting `update_key` of your nodes; keep it to yourself" % new_key, soft_wrap=True)
        return
    if not key:
        raise BenchError("give the file with the key (--key), or make one: holdfast bundle --new-key update.key")
    secret = signing.read_key(key)
    with tempfile.TemporaryDirectory(prefix="holdfast-app-") as folder:
        firmware = None if app is None else with_application(app, folder + "/firmware")
        if firmware is not None and version is None:
            raise BenchError("which version of your application is this? Say so with --version 1.2.0")
        made = signing.of_checkout(secret, version, firmware, source, allow_downgrade)
    at = out_file or Path("holdfast-%s.hfb" % made.version)
    try:
        at.write_bytes(made.data)
    except OSError as e:
        raise BenchError("cannot write %s: %s" % (at, e.strerror)) from None
    out.print("[green]made[/] %s: version %s, %d files, %d KB" % (at, made.version, len(made.files), len(made.data) // 1024), soft_wrap=True)
    write_json({"file": str(at), "version": made.version, "bytes": len(made.data), "files": {p: len(d) for p, d in sorted(made.files.items())}}, json_file)
