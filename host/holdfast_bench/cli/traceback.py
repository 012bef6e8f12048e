"""`holdfast traceback`: a traceback that a board has shown, with the names of the source."""

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from .. import reduce
from ..errors import BenchError
from ..tracebacks import names
from .common import told


def register(app):
    app.command("traceback", epilog="Examples: [bold]mpremote run app.py | holdfast traceback[/]; [bold]holdfast traceback seen.txt[/]")(traceback)


@told
def traceback(
    file: Annotated[Optional[Path], typer.Argument(metavar="[FILE]", help="Text with tracebacks; otherwise standard input.")] = None,
    build: Annotated[Optional[Path], typer.Option(metavar="DIR", help="The build that the board runs, a folder with names.json; otherwise that of this checkout.")] = None,
):
    """Turn the short names in tracebacks from a board into those of the source."""
    known = reduce.load(build) if build else names()
    restorer = reduce.Restorer(lambda: known)
    try:
        with (file.open(errors="replace") if file else sys.stdin) as lines:
            for line in lines:
                print(restorer.line(line.rstrip("\n")), flush=True)
    except OSError as e:
        raise BenchError("cannot read %s (%s)" % (file, e.strerror)) from None
