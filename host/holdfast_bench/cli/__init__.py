"""The command `holdfast`: one file per command; this one only puts them together.

Exit status: 0 every verdict good (or done), 1 a verdict bad, 2 unknown or could not run.
"""

import signal

import typer

from . import boards, campaign, deploy, doctor, faults, flash, gateway, monitor, perf, replay, run, scenarios, twin

app = typer.Typer(
    name="holdfast", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    help="Keeps an ESP32's data flowing when the Wi-Fi does not, and proves it: on virtual boards, in simulation and on real ones.",
    epilog="Start here: [bold]holdfast doctor[/], then [bold]holdfast run ap_outage --board twin[/].")

for command in (run, scenarios, faults, boards, doctor, twin, deploy, flash, campaign, replay, perf, gateway, monitor):
    command.register(app)


def main():
    # A request to end is treated as Ctrl-C: everything that was started is ended, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    app()


def _interrupt(number, frame):
    raise KeyboardInterrupt
