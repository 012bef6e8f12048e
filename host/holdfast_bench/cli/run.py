"""`holdfast run`: scenarios on boards, twins or in simulation, with a live view, a verdict and a report."""

import contextlib
import datetime
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from .. import checkout
from ..checks.result import GOOD, exit_status, skipped
from ..errors import BenchError, Cannot
from ..places import Options, run_plan
from ..places.options import TOGETHER
from ..places.several import Wanted, jobs_for, places_for, run_several
from ..scenario import compile_plan, find, load, parameters_of
from . import completion
from .agreements import agreements
from .common import JSON_HELP, SET_HELP, assignments, err, out, told, write_json
from .summary import summary


def register(app):
    app.command("run", epilog="Examples: [bold]holdfast run ap_outage --board twin[/]; [bold]holdfast run ap_outage refused --board twin --json out.json "
                "--report runs/today[/]; [bold]holdfast run blackhole --board sim --app examples/sensor[/]; [bold]holdfast run refused --board sim --board twin[/]; [bold]holdfast run tests/scenarios --board sim[/]; "
                "[bold]holdfast run ap_outage --board esp32-devkitc --port /dev/ttyUSB0[/]; "
                "[bold]holdfast run standard_check --board esp32-devkitc --port /dev/ttyUSB0 --port /dev/ttyUSB1 --port /dev/ttyUSB2[/]")(run)


@told
def run(
    scenario: Annotated[list[str], typer.Argument(autocompletion=completion.scenarios, help="Names from the library, files, or folders of them.")],
    board: Annotated[list[str], typer.Option(autocompletion=completion.places, help="sim, twin, or a name in boards/; several times for several places, or for the boards of one scenario.")],
    port: Annotated[Optional[list[str]], typer.Option(help="The port of a real board; once for each board, in the order of --board.")] = None,
    setting: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help=SET_HELP)] = None,
    seed: Annotated[Optional[int], typer.Option(help="What random times are drawn from; otherwise the scenario's, or a new one.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
    report: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Write a page for each run, its JSON, JUnit and an index into this folder.")] = None,
    broker: Annotated[Optional[Literal["mosquitto", "builtin", "external"]], typer.Option(help="Which broker; otherwise mosquitto where it is installed.")] = None,
    app: Annotated[Optional[Path], typer.Option(metavar="FILE|DIR", help="Your application on the boards, instead of the stock one: a main.py, or the folder of one.")] = None,
    firmware: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Another firmware than that of the checkout.")] = None,
    secrets: Annotated[Optional[Path], typer.Option(help="The secrets file for real boards; otherwise secrets.json in the checkout.")] = None,
    no_deploy: Annotated[bool, typer.Option("--no-deploy", help="Real boards: run with the firmware and the configuration that are on them.")] = False,
    jobs: Annotated[Optional[int], typer.Option("--jobs", "-j", min=1, max=64, help="So many runs at once; otherwise what this machine allows. Real boards take turns.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the summary; with --json - not even that.")] = False,
):
    """Run scenarios and judge them: status 0 all good, 1 one bad, 2 unknown or could not run.

    With several places, it says whether the boards went through the same states there. Real boards get firmware and configuration first, as far as
    they differ. A scenario with several boards takes one --port for each.
    What was asked for by name has to run; of a folder, what cannot run here is skipped, and the summary says why.
    """
    silent = quiet or json_file == "-"
    console = err if json_file == "-" else out
    with contextlib.ExitStack() as stack:
        if app is not None:
            from ..deploy.overlay import with_application

            firmware = with_application(app, stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-app-")) + "/firmware", firmware)
        wanted = _wanted(scenario, board, port or [], assignments(setting), seed, Options(broker=broker, firmware=firmware, secrets=secrets, deploy=not no_deploy), own=app is not None)
        runs, interrupted = _carried_out(wanted, jobs, console, silent)
    _tell(runs, report, json_file, console)
    if interrupted:
        raise KeyboardInterrupt
    counted = [result.verdict for result, _ in runs if not result.skipped]
    raise typer.Exit(exit_status(counted) if counted else 2)


def _carried_out(wanted, jobs, console, silent):
    """([(result, plan)], interrupted)."""
    at_once = jobs_for(wanted, jobs)
    if len(wanted) == 1 or at_once == 1:
        return _one_by_one(wanted, console, silent)
    from ..live.several import showing

    with showing(console, wanted, silent) as (begun, done):
        return run_several(wanted, at_once, begun, done)


def _wanted(names, boards, ports, given, seed, options, own=False):
    """Every run that is asked for; `own`: with an application that need not number its messages. Raises BenchError for what does not exist, or was asked for by name and does not run there."""
    files = [(path, not Path(name).is_dir()) for name in names for path in find(name)]
    scenarios = [(path, by_name, load(path, {k: v for k, v in given.items() if len(files) == 1 or k in parameters_of(path)})) for path, by_name in files]
    unknown = [name for name in given if not any(name in s.parameters for _, _, s in scenarios)]
    if unknown:
        raise BenchError("none of these scenarios has a parameter %r" % unknown[0])
    drawn = random.SystemRandom().randrange(1, 1_000_000)
    wanted = []
    for path, by_name, scenario in scenarios:
        plan = compile_plan(scenario, path.stem, seed if seed is not None else scenario.seed if scenario.seed is not None else drawn)
        if own:
            plan["application"] = "own"
        try:
            places = places_for(boards, ports, len(plan["boards"]), strict=by_name)
        except BenchError as e:
            if by_name:
                raise BenchError("scenario %s: %s" % (path.stem, e)) from None
            wanted.append(Wanted(plan, TOGETHER.join(boards), options, by_name, str(e)))
            continue
        for board, own_ports in places:
            cannot = ""
            if (board if board in ("sim", "twin") else "hil") not in scenario.places:
                cannot = "it runs on %s only" % " and ".join(scenario.places)
                if by_name:
                    raise BenchError("scenario %s does not run on %s: %s" % (path.stem, board, cannot))
            wanted.append(Wanted(plan, board, replace(options, ports=own_ports), by_name, cannot))
    return wanted


def _one_by_one(wanted, console, silent):
    """([(result, plan)], interrupted), each with the whole live view."""
    say = (lambda text: None) if silent else (lambda text: console.print("[dim]  %s[/]" % text))
    runs = []
    for w in wanted:
        if w.cannot:
            runs.append((skipped(w.plan["scenario"], w.board, w.plan["seed"], w.cannot), w.plan))
            continue
        try:
            result, interrupted = run_plan(w.plan, w.board, replace(w.options, say=say), None if silent else console)
        except Cannot as e:
            if w.by_name:
                raise
            result, interrupted = skipped(w.plan["scenario"], w.board, w.plan["seed"], str(e)), False
        runs.append((result, w.plan))
        if interrupted:
            return runs, True
    return runs, False


def _tell(runs, report, json_file, console):
    if not runs:
        return
    documents = [result.as_json() for result, _ in runs]
    write_json(documents[0] if len(documents) == 1 else documents, json_file)
    took_place = [(result, plan) for result, plan in runs if not result.skipped]
    not_good = [(result, plan) for result, plan in took_place if result.verdict != GOOD]
    pages = []
    if report or not_good:
        from ..report import write_reports
    if report:
        pages = write_reports(runs, report)
    elif not_good:  # what went wrong is not lost, also when nobody asked for a report
        pages = write_reports(not_good, checkout.runs_folder() / datetime.datetime.now().strftime("not-good-%Y%m%d-%H%M%S"))
    if json_file != "-":
        console.print(summary([result for result, _ in runs]))
        for line in agreements(runs):
            console.print(line, soft_wrap=True)
        for page in pages[:8]:
            console.print("page: %s" % page, markup=False, soft_wrap=True)
    sys.stdout.flush()
