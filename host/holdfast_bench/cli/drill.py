"""`holdfast drill`: a named set of scenarios, unattended, kept in a database and compared with the last times."""

import datetime
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.text import Text

from .. import checkout
from ..checks.result import exit_status
from ..errors import BenchError
from . import completion
from .common import JSON_HELP, err, out, table, told, write_json

_STYLE = {"worse": "bold red", "slower": "yellow", "more": "yellow", "quicker": "green", "better": "bold green", "new": "dim"}
_WORDS = {"recovery_ms": "recovered in", "detect_ms": "noticed after", "stall_ms_max": "longest stall", "reported_dropped": "dropped",
          "beyond_promise": "beyond the promise", "watchdog_bites": "watchdog bites"}


def register(app):
    app.command("drill", epilog="Examples: [bold]holdfast drill[/] (lists them); [bold]holdfast drill smoke[/]; "
                "[bold]holdfast drill weekly --report runs/weekly[/]; [bold]holdfast drill bench --board esp32-devkitc --port /dev/ttyUSB0[/]")(drill)


@told
def drill(
    name: Annotated[Optional[str], typer.Argument(autocompletion=completion.drills, help="A drill of tests/drills, or a file; without it, the list of them.")] = None,
    board: Annotated[Optional[list[str]], typer.Option(autocompletion=completion.places, help="Places, instead of the drill's own.")] = None,
    port: Annotated[Optional[list[str]], typer.Option(help="The port of a real board; once for each board, in the order of --board.")] = None,
    database: Annotated[Path, typer.Option(metavar="FILE", help="Where results are kept.")] = Path("runs/drills.sqlite"),
    report: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Write the pages of all runs and an index into this folder.")] = None,
    jobs: Annotated[Optional[int], typer.Option("--jobs", "-j", min=1, max=64, help="So many runs at once; otherwise what this machine allows.")] = None,
    firmware: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Another firmware than that of the checkout.")] = None,
    no_deploy: Annotated[bool, typer.Option("--no-deploy", help="Real boards: run with the firmware and the configuration that are on them.")] = False,
    secrets: Annotated[Optional[Path], typer.Option(help="The secrets file for real boards.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what changed.")] = False,
):
    """Run a drill and say what got slower or worse since the last times. Status as for run: 0 all good, 1 one bad, 2 unknown or could not run."""
    from .. import drill as drills
    from ..live.several import showing
    from ..places import Options
    from ..places.several import jobs_for, run_several
    from ..report import write_reports

    if name is None:
        _list(drills, json_file)
        return
    name, wanted_drill = drills.find(name)
    places = board or wanted_drill.boards
    if not places:
        raise BenchError("the drill %s is for boards that you give: --board NAME, and --port for a real one" % name)
    wanted = _wanted(wanted_drill, places, port or [], Options(firmware=firmware, secrets=secrets, deploy=not no_deploy))
    store = drills.Store(database)
    before = store.last(name)
    silent = quiet or json_file == "-"
    console = err if json_file == "-" else out
    began, clock = datetime.datetime.now(), time.monotonic()
    with showing(console, wanted, silent) as (begun, done):
        runs, interrupted = run_several(wanted, jobs_for(wanted, jobs), begun, done)
    if interrupted:
        raise KeyboardInterrupt  # half a drill is compared with nothing
    results = [result for result, _ in runs]
    now = {(r.scenario, r.board, r.seed): ("skipped" if r.skipped else r.verdict, r.numbers) for r in results}
    changes = drills.compare(now, [d["runs"] for d in before])
    took_s = time.monotonic() - clock
    number = store.add(name, began.isoformat(timespec="seconds"), took_s, _version(), results)
    pages = write_reports(runs, report) if report else []
    write_json({"drill": name, "number": number, "began": began.isoformat(timespec="seconds"), "took_s": round(took_s, 1),
                "compared_with": [d["number"] for d in before],
                "runs": [{"scenario": s, "board": b, "seed": n, "verdict": v, **numbers} for (s, b, n), (v, numbers) in now.items()],
                "changes": [vars(c) for c in changes]}, json_file)
    if json_file != "-":
        _tell(console, name, number, now, changes, before, took_s, results)
        if pages:
            console.print("index: %s" % (pages[0].parent / "index.html"), markup=False, soft_wrap=True)
    counted = [r.verdict for r in results if not r.skipped]
    raise typer.Exit(exit_status(counted) if counted else 2)


def _wanted(wanted_drill, places, ports, options):
    from ..places.several import Wanted, places_for
    from ..scenario import compile_plan, find, load

    wanted = []
    for path in dict.fromkeys(p for name in wanted_drill.scenarios for p in find(_from_checkout(name))):
        scenario = load(path)
        for seed in wanted_drill.seeds:
            plan = compile_plan(scenario, path.stem, seed)
            try:
                found = places_for(places, ports, len(plan["boards"]), strict=False)
            except BenchError as e:
                wanted.append(Wanted(plan, "+".join(places), options, by_name=False, cannot=str(e)))
                continue
            for place, own_ports in found:
                kind = place if place in ("sim", "twin") else "hil"
                cannot = "" if kind in scenario.places else "it runs on %s only" % " and ".join(scenario.places)
                wanted.append(Wanted(plan, place, replace(options, ports=own_ports), by_name=False, cannot=cannot))
    return wanted


def _from_checkout(name):
    """Folders in a drill are the checkout's, wherever the command is run."""
    inside = checkout.ROOT / name
    return str(inside) if "/" in name and not Path(name).exists() and inside.exists() else name


def _list(drills, json_file):
    found = {n: drills.find(n)[1] for n in drills.known()}
    write_json([{"name": n, **d.model_dump()} for n, d in found.items()], json_file)
    if json_file == "-":
        return
    rows = table("drill", "what it is for", "places", "seeds")
    for n, d in found.items():
        rows.add_row("[bold]%s[/]" % n, d.title, " ".join(d.boards) or "yours", str(len(d.seeds)))
    out.print(rows)


def _tell(console, name, number, now, changes, before, took_s, results):
    from .summary import findings_of

    count = {}
    for verdict, _ in now.values():
        count[verdict] = count.get(verdict, 0) + 1
    console.print("[bold]%s[/], number %d: %s in %.0f s" % (name, number, ", ".join("%d %s" % (count[v], v) for v in ("good", "bad", "unknown", "skipped") if v in count), took_s))
    for line in findings_of([r for r in results if not r.skipped]):
        console.print(line)
    if not before:
        console.print("the first of its kind: nothing to compare with yet")
        return
    if not changes:
        console.print("as the last %d time%s (since %s)" % (len(before), "s" if len(before) > 1 else "", before[-1]["began"]))
        return
    rows = table("", "run", "what", "before", "now")
    for c in changes:
        rows.add_row(Text(c.kind, style=_STYLE[c.kind]), "%s on %s, seed %d" % (c.scenario, c.board, c.seed), _WORDS.get(c.what, c.what), _value(c.what, c.before), _value(c.what, c.now))
    console.print("compared with the last %d time%s:" % (len(before), "s" if len(before) > 1 else ""))
    console.print(rows)


def _value(what, value):
    if value is None:
        return "–"
    if what.endswith("_ms") or what.endswith("_ms_max"):
        return "%.1f s" % (value / 1000) if value >= 1000 else "%d ms" % value
    return str(value)


def _version():
    """The commit that is checked out, with a mark when something in it was changed; empty outside git."""
    try:
        said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=checkout.ROOT, capture_output=True, text=True, timeout=10)
        return said.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
