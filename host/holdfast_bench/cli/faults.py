"""`holdfast faults`: the catalogue, with what each fault does and how it is made here."""

from typing import Annotated, Optional

import typer

from ..errors import BenchError
from . import completion
from .common import JSON_HELP, out, table, told, write_json


def register(app):
    app.command("faults", epilog="Examples: [bold]holdfast faults[/]; [bold]holdfast faults loss[/]")(faults)


@told
def faults(
    name: Annotated[Optional[str], typer.Argument(autocompletion=completion.faults, help="Show one fault in full.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
):
    """List the faults a scenario may use, and how each is made on sim, twin and real boards."""
    from ..faults.describe import PLACES, describe

    found = describe()
    if name:
        import difflib

        close = difflib.get_close_matches(name, [d.name for d in found], 1)
        found = [d for d in found if d.name == name]
        if not found:
            raise BenchError("there is no fault %r%s; `holdfast faults` lists them" % (name, " (did you mean %r?)" % close[0] if close else ""))
    write_json([{"name": d.name, "symptom": d.symptom, "kind": d.kind, "needs": list(d.needs), "how": d.how,
                 "arguments": [{"name": a.name, "default": a.default, "about": a.about} for a in d.arguments]} for d in found], json_file)
    if json_file == "-":
        return
    if name:
        _in_full(found[0], PLACES)
        return
    rows = table("fault", "symptom", "arguments", *PLACES)
    for d in found:
        rows.add_row("[bold]%s[/]" % d.name, d.symptom, ", ".join(a.name for a in d.arguments), *["[green]✓[/]" if d.how[p] else "–" for p in PLACES])
    out.print(rows)


def _in_full(d, places):
    out.print("[bold]%s[/] (%s): %s" % (d.name, d.kind, d.symptom), soft_wrap=True)
    rows = table("", "")
    rows.show_header = False
    for a in d.arguments:
        rows.add_row("%s = %s" % (a.name, a.default), a.about)
    for place in places:
        rows.add_row("[bold]%s[/]" % place, d.how[place] or "cannot be made there")
    out.print(rows)
