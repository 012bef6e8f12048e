"""`holdfast scenarios`: the library, with what each one shows."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..scenario import library, load, regressions
from .common import JSON_HELP, out, table, told, write_json


def register(app):
    app.command("scenarios", epilog="Example: [bold]holdfast scenarios[/]; then [bold]holdfast run ap_outage --board twin[/]")(scenarios)


@told
def scenarios(
    folder: Annotated[Optional[Path], typer.Argument(help="A folder of scenario files; otherwise the library.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
):
    """List the scenarios and what each one shows."""
    found = [(path, load(path)) for path in library(folder)]
    kept = [(path, load(path)) for path in regressions()] if folder is None else []
    write_json([{"name": path.stem, "title": s.title, "shows": s.shows, "places": s.places, "boards": s.boards,
                 "deadline_s": s.deadline_s, "regression": (path, s) in kept} for path, s in found + kept], json_file)
    if json_file == "-":
        return
    out.print(_rows("scenario", found))
    if kept:
        out.print(_rows("found by campaigns, and mended", kept))


def _rows(heading, found):
    rows = table(heading, "what it shows", "requirements")
    for path, scenario in found:
        rows.add_row("[bold]%s[/]" % path.stem, scenario.title, " ".join(scenario.shows))
    return rows
