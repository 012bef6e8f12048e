"""`holdfast doctor`: what is installed, seen and possible here."""

from typing import Annotated, Optional

import typer

from .. import doctor as examination
from .common import JSON_HELP, out, told, write_json

_MARK = {examination.OK: "[green]✓[/]", examination.MISSING: "[red]✗[/]", examination.NOTE: "[yellow]·[/]"}


def register(app):
    app.command("doctor", epilog="Example: [bold]holdfast doctor[/]. Status 2 when something is missing that a twin or a plugged-in board needs.")(doctor)


@told
def doctor(json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None):
    """Look at this machine: interpreters, tools, brokers, rights, boards, secrets – and what to do about what is missing."""
    found = examination.checks()
    write_json([{"topic": c.topic, "state": c.state, "what": c.what, "remedy": c.remedy} for c in found], json_file)
    if json_file != "-":
        wide = max(len(c.topic) for c in found)
        for c in found:
            out.print("%s %-*s  " % (_MARK[c.state], wide, c.topic), end="")
            out.print(c.what, markup=False, soft_wrap=True)
            if c.remedy:
                out.print("%s→ %s" % (" " * (wide + 4), c.remedy), style="bold", markup=False, soft_wrap=True)
    if any(c.state == examination.MISSING for c in found):
        raise typer.Exit(2)
