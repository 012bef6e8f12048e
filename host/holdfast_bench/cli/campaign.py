"""`holdfast campaign`: a world of trouble for every seed, in the simulation, on all cores."""

import time
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ..campaign.campaign import Summary, campaign, seeds_of
from ..checks.result import exit_status
from ..errors import BenchError
from .common import JSON_HELP, err, out, told, write_json

FAILING_SHOWN = 20


def register(app):
    app.command("campaign", epilog="Examples: [bold]holdfast campaign --seeds 0:200 --hours 0.2[/]; [bold]holdfast campaign --seeds 0:2000 --hours 1 --json out.json[/]")(run)


@told
def run(
    seeds: Annotated[str, typer.Option(metavar="A:B", help="From A to B - 1.")],
    hours: Annotated[float, typer.Option(help="How long the trouble of each seed lasts, in virtual time.")] = 1.0,
    jobs: Annotated[Optional[int], typer.Option(min=1, help="Worker processes; otherwise one per core.")] = None,
    dask: Annotated[Optional[str], typer.Option(metavar="ADDRESS", help="A Dask scheduler, such as tcp://10.0.0.5:8786, instead of workers of its own.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
    firmware: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Another firmware than that of the checkout.")] = None,
):
    """Draw configuration, world and trouble from each seed, carry it out in simulation, heal, and demand recovery.

    Results are kept in runs/: stopped with Ctrl-C, the same command goes on where it was.
    """
    wanted = seeds_of(seeds)
    if not 0 < hours <= 240:
        raise BenchError("--hours %g: more than 0 and at most 240" % hours)
    if dask and jobs:
        raise BenchError("--jobs is for workers of this machine; with --dask the cluster decides")
    console = err if json_file == "-" else out
    summary = Summary(wanted, hours)
    began, was_known = time.monotonic(), 0
    interrupted = False
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("seeds"), TimeRemainingColumn(),
                  console=console) as bar:
        task = bar.add_task("campaign", total=len(wanted))
        try:
            for trial, known in campaign(wanted, hours, jobs, dask, firmware):
                summary.add(trial)
                was_known += known
                if trial.verdict != "good":
                    bar.console.print(_line(trial), soft_wrap=True)
                bar.update(task, advance=1, description=_so_far(summary))
        except KeyboardInterrupt:
            interrupted = True
    write_json({**summary.as_json(), "wall_s": round(time.monotonic() - began, 1), "known_before": was_known}, json_file)
    if json_file != "-":
        _tell(summary, time.monotonic() - began, was_known)
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(exit_status(verdict for verdict in summary.counts))


def _so_far(summary):
    bad, unknown = summary.counts["bad"], summary.counts["unknown"]
    return "%.1f device-days  [green]%d good[/]%s%s" % (summary.virtual_s / 86400, summary.counts["good"],
                                                        "  [red]%d bad[/]" % bad if bad else "", "  [yellow]%d unknown[/]" % unknown if unknown else "")


def _line(trial):
    finding = trial.findings[0]
    at = "" if finding["t"] is None else " (%.1f s)" % (finding["t"] / 1000)
    line = Text("%-8s" % trial.verdict, style="bold red" if trial.verdict == "bad" else "bold yellow")
    line.append("seed %-6d " % trial.seed, style="bold")
    line.append("%s: %s%s" % (finding["law"], finding["text"][:160], at), style="default")
    return line


def _tell(summary, wall_s, was_known):
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_row("seeds", "%d of %d, %d of them kept from before" % (sum(summary.counts.values()), len(summary.seeds), was_known))
    rows.add_row("virtual time", "%.1f device-days in %.0f s, %.0f × real time a worker" % (
        summary.virtual_s / 86400, wall_s, summary.virtual_s / summary.busy_s if summary.busy_s else 0))
    rows.add_row("messages", "%d handed over, %d arrived, %d lost, %d reported dropped, %d beyond the promise" % tuple(
        summary.totals[k] for k in ("accepted", "delivered", "lost", "reported_dropped", "beyond_promise")))
    rows.add_row("lives", "%d resets, %d watchdog bites, %d reconnections" % tuple(summary.totals[k] for k in ("resets", "watchdog_bites", "reconnects")))
    rows.add_row("faults", "%d of %d kinds" % (sum(summary.faults.values()), len(summary.faults)))
    rows.add_row("verdict", Text("%d good" % summary.counts["good"], style="bold green" if not summary.failing else "default").append(
        "".join(", %d %s" % (summary.counts[v], v) for v in ("bad", "unknown") if summary.counts[v]), style="bold red"))
    out.print(rows)
    if summary.failing:
        out.print("laws broken: %s" % ", ".join("%s (%d seeds)" % pair for pair in summary.laws.most_common()), soft_wrap=True)
        seeds = sorted(t.seed for t in summary.failing)
        out.print("not good: %s%s; the story of one: [bold]holdfast replay --seed %d --hours %g[/]" % (
            ", ".join(map(str, seeds[:FAILING_SHOWN])), ", …" if len(seeds) > FAILING_SHOWN else "", seeds[0], summary.hours), soft_wrap=True)
