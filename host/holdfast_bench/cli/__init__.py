"""The command `holdfast`: one file per command, under the command's name; this one only puts them together.

Exit status: 0 every verdict good (or done), 1 a verdict bad, 2 unknown or could not run.
"""

import importlib
import signal
import sys

import typer

COMMANDS = ("run", "scenarios", "faults", "boards", "doctor", "twin", "image", "flash", "deploy", "provision", "config", "bundle", "update", "drill", "campaign", "replay", "fleet", "perf", "traceback", "gateway", "monitor")


def app_of(names=COMMANDS):
    """The application with these commands."""
    app = typer.Typer(
        name="holdfast", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
        help="Keeps an ESP32's data flowing when the Wi-Fi does not, and proves it: on virtual boards, in simulation and on real ones.",
        epilog="Start here: [bold]holdfast doctor[/], then [bold]holdfast run ap_outage --board twin[/].")
    app.callback()(lambda: None)  # a group, also with one command
    for name in names:
        importlib.import_module("." + name, __name__).register(app)
    return app


def main():
    # A request to end is treated as Ctrl-C: everything that was started is ended, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # What a command needs is loaded when it is the one: half of the time until it begins is imports.
    app_of(sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in COMMANDS else COMMANDS)()


def _interrupt(number, frame):
    raise KeyboardInterrupt
