"""`make demo`: the main job on a virtual ESP32, with a real broker, a live view, a summary and a page.

May use: what `holdfast run` uses; this is the scenario main_job, told to someone who sees it for the first time.
"""

import datetime
import signal
import sys

from rich.console import Console
from rich.panel import Panel

from . import checkout
from .checks.result import exit_status
from .cli.summary import summary
from .errors import BenchError
from .places import Options, run_plan
from .report import write_reports
from .scenario import compile_plan, find, load

SCENARIO, SEED = "main_job", 1

STORY = """A virtual ESP32 runs the firmware byte for byte as a real one would. It samples every 200 ms, and:
 1. its access point disappears for 30 seconds;
 2. in the middle of that its sampling task hangs, so that the watchdog bites;
 3. when all is well again, the broker is stopped and started.
Not one message may be lost. About a minute and a quarter from now there will be a verdict."""


def main():
    console = Console(highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        status = _run(console)
    except BenchError as e:
        console.print("[red]demo:[/] ", end="")
        console.print(str(e), markup=False, soft_wrap=True)
        status = 2
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]")
        status = 2
    sys.exit(status)


def _run(console):
    console.print(Panel(STORY, title="Holdfast", title_align="left", border_style="green", padding=(0, 1)))
    path = find(SCENARIO)[0]
    plan = compile_plan(load(path), path.stem, SEED)
    result, interrupted = run_plan(plan, "twin", Options(say=lambda text: console.print("[dim]  %s[/]" % text)), console)
    if interrupted:
        raise KeyboardInterrupt
    folder = checkout.runs_folder() / datetime.datetime.now().strftime("demo-%Y%m%d-%H%M%S-%f")
    pages = write_reports([(result, plan)], folder)
    console.print()
    console.print(summary([result]))
    console.print()
    for line in _seen(result):
        console.print("  " + line, markup=False)
    console.print()
    console.print("page: %s" % pages[0], markup=False, soft_wrap=True)
    return exit_status([result.verdict])


def _seen(result):
    """What was verified, and where."""
    n = result.numbers
    statuses = [e for e in result.events if e["src"] == "bench" and e["ev"] == "status" and e["ok"]]
    boots = [e for e in result.events if e["src"].startswith("board/") and e["ev"] == "boot"]
    yield "at the broker:   %d of %d messages arrived, %d of them twice, as QoS 1 allows" % (n["delivered"], n["accepted"], n["duplicates"])
    for e in statuses:
        yield "over serial:     %s is %s, %s messages waiting" % (e["board"], e["state"], e["queued"])
    for e in boots[1:]:
        yield "after the bite:  it started with reset_cause %s and %s messages in RTC memory" % (e.get("cause"), e.get("queued"))


def _interrupt(number, frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
