"""`holdfast run`: scenarios on boards, twins or in simulation, with a live view, a verdict and a report."""

import random
import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from ..checks.result import exit_status
from ..errors import BenchError
from ..places import Options, run_plan
from ..report import write_reports
from ..scenario import compile_plan, find, load, parameters_of
from .common import JSON_HELP, SET_HELP, assignments, err, out, told, write_json
from .summary import summary


def register(app):
    app.command("run", epilog="Examples: [bold]holdfast run ap_outage --board twin[/]; [bold]holdfast run ap_outage refused --board twin --json out.json "
                "--report runs/today[/]; [bold]holdfast run ap_outage --board esp32-devkitc --port /dev/ttyUSB0[/]")(run)


@told
def run(
    scenario: Annotated[list[str], typer.Argument(help="Names from the library, files, or folders of them.")],
    board: Annotated[list[str], typer.Option(help="sim, twin, or a name in boards/; several times for several boards.")],
    port: Annotated[Optional[list[str]], typer.Option(help="The port of a real board; several times, in the order of --board.")] = None,
    setting: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help=SET_HELP)] = None,
    seed: Annotated[Optional[int], typer.Option(help="What random times are drawn from; otherwise the scenario's own, or a new one.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
    report: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Write a page for each run, its JSON, and JUnit into this folder.")] = None,
    broker: Annotated[Optional[Literal["mosquitto", "builtin", "external"]], typer.Option(help="Which broker; otherwise mosquitto where it is installed.")] = None,
    firmware: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Another firmware than that of the checkout.")] = None,
    secrets: Annotated[Optional[Path], typer.Option(help="The secrets file for real boards; otherwise secrets.json in the checkout.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the summary; with --json - not even that.")] = False,
):
    """Run scenarios and judge them: status 0 all good, 1 one bad, 2 unknown or could not run."""
    files = [path for wanted in scenario for path in find(wanted)]
    given = assignments(setting)
    scenarios = [(path.stem, load(path, {k: v for k, v in given.items() if len(files) == 1 or k in parameters_of(path)})) for path in files]
    unknown = [name for name in given if not any(name in s.parameters for _, s in scenarios)]
    if unknown:
        raise BenchError("none of these scenarios has a parameter %r" % unknown[0])
    drawn = seed
    if seed is None:
        drawn = random.SystemRandom().randrange(1, 1_000_000)
    silent = quiet or json_file == "-"
    console = err if json_file == "-" else out
    runs, interrupted = [], False
    try:
        for name, place, ports in _pairs(scenarios, board, port or []):
            scenario_ = dict(scenarios)[name]
            plan = compile_plan(scenario_, name, scenario_.seed if seed is None and scenario_.seed is not None else drawn)
            options = Options(broker=broker, ports=ports, firmware=firmware, secrets=secrets,
                              say=(lambda text: None) if silent else (lambda text: console.print("[dim]  %s[/]" % text)))
            result, was_interrupted = run_plan(plan, place, options, None if silent else console)
            runs.append((result, plan))
            if was_interrupted:
                interrupted = True
                break
    finally:
        _tell(runs, report, json_file, console, silent)
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(exit_status(result.verdict for result, _ in runs))


def _pairs(scenarios, boards, ports):
    """(scenario, board, ports) of every run. Raises BenchError when a scenario does not run there."""
    pairs = []
    for name, scenario in scenarios:
        for index, board in enumerate(boards):
            kind = board if board in ("sim", "twin") else "hil"
            if kind not in scenario.places:
                raise BenchError("scenario %s does not run on %s, only on %s" % (name, board, ", ".join(scenario.places)))
            pairs.append((name, board, tuple(ports[index:index + 1])))
    return pairs


def _tell(runs, report, json_file, console, silent):
    if not runs:
        return
    documents = [result.as_json() for result, _ in runs]
    write_json(documents[0] if len(documents) == 1 else documents, json_file)
    pages = write_reports(runs, report) if report else []
    if json_file != "-":
        console.print(summary([result for result, _ in runs]))
        for page in pages:
            console.print("page: %s" % page, markup=False, soft_wrap=True)
    sys.stdout.flush()
