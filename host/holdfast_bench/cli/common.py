"""What every command shares: how errors are told, tables shown, and machine-readable output written."""

import functools
import json
import os
import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from ..boards import find
from ..boards.ports import choose
from ..errors import BenchError

WIDTH = 150  # of lines that no terminal limits

out = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH)
err = Console(stderr=True, highlight=False)

JSON_HELP = "Write the result as JSON to this file (- for standard output)."


def board_and_port(board, port):
    """(port, speed) of --board and --port, for commands that work on one board over its serial port. Raises BenchError."""
    if board == "sim":
        raise BenchError("the simulation takes the firmware from the checkout and has no serial port: there is nothing to deploy or set up")
    if board == "twin":
        if port is None:
            raise BenchError("which twin? Start one with `holdfast twin` and give the port it prints with --port")
        return port, 115200
    found = find(board)
    return choose(board, found, port), found.baud


def told(command):
    """Tells what stands in the way in one line and ends with status 2; Ctrl-C is no traceback either."""
    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except BenchError as e:
            err.print("[red]holdfast:[/] ", end="")
            err.print(str(e), markup=False, soft_wrap=True)
        except KeyboardInterrupt:
            err.print("\n[yellow]interrupted[/]")
        raise typer.Exit(2)
    return run


def write_json(value, file):
    """JSON to `file`, complete or not at all; `-` is standard output. Nothing when file is None. Raises BenchError."""
    if file is None:
        return
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    if str(file) == "-":
        sys.stdout.write(text)
        return
    path = Path(file)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as e:
        raise BenchError("cannot write %s: %s" % (path, e.strerror)) from None


def table(*columns, title=None):
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


SET_HELP = "A parameter of the scenario over its default, such as --set outage_s=60; several times."


def assignments(given, option="--set"):
    """{"a": {"b": value}} of ["a.b=value"]; values are JSON, and text where they are no JSON. Raises BenchError."""
    settings = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BenchError("%s takes NAME=VALUE, not %r" % (option, text))
        try:
            value = json.loads(value)
        except ValueError:
            pass
        table = settings
        *outer, last = name.split(".")
        for part in outer:
            table = table.setdefault(part, {})
        table[last] = value
    return settings
