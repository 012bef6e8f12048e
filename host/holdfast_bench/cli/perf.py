"""`holdfast perf`: the performance table, with the bars and what other clients reach in the same run."""

from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..errors import BenchError
from ..perf.table import PARTS, measure
from .common import JSON_HELP, err, out, table, told, write_json

_MET = {True: Text("met", style="bold green"), False: Text("not met", style="bold red"), None: Text("")}


def register(app):
    app.command("perf", epilog="Examples: [bold]holdfast perf[/]; [bold]holdfast perf --json perf.json[/]; [bold]holdfast perf sizes[/]; [bold]holdfast perf clients --runs 1 --alone[/]")(perf)


@told
def perf(
    part: Annotated[Optional[list[str]], typer.Argument(help="Only these parts: %s; otherwise all." % ", ".join(PARTS))] = None,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Repetitions of everything that chance has a hand in; the table shows the median.")] = 5,
    alone: Annotated[bool, typer.Option(help="Without the other clients: umqtt.simple, umqtt.robust, paho-mqtt.")] = False,
    simulated: Annotated[bool, typer.Option(help="In the simulation only: seconds instead of minutes, and no other clients.")] = False,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
):
    """Measure what the node can do: recovery, detection, throughput, stalls, memory – beside other clients, each with its bar."""
    for name in part or ():
        if name not in PARTS:
            raise BenchError("there is no part %r; there are: %s" % (name, ", ".join(PARTS)))
    with Progress(TextColumn("measuring"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=err, transient=True) as progress:
        task = progress.add_task("", total=None)
        figures = measure(part or PARTS, runs, None if simulated else not alone, lambda text, done, total: progress.update(task, description=text, completed=done, total=total if done else None))
    write_json([figure.as_json() for figure in figures], json_file)
    if json_file != "-":
        out.print(_table(figures))


def _table(figures):
    rows = table("figure", "value", "bar", "", "what", "how")
    for column in rows.columns[1:3]:
        column.justify = "right"
    for column in rows.columns[:4]:
        column.no_wrap = True
    for figure in figures:
        kind = figure.kind
        value = "–" if figure.value is None else "%g %s" % (figure.value, kind.unit)
        bar = "" if figure.client or kind.bar is None else "%s %g" % (kind.sense, kind.bar)
        name = "  " + figure.client if figure.client else figure.name
        rows.add_row(Text(name, style="dim" if figure.client else "bold"), value, bar, _MET[figure.met], "" if figure.client else kind.what, Text(figure.how, style="dim"))
    return rows
