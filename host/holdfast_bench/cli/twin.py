"""`holdfast twin`: virtual boards with real ports, until Ctrl-C."""

from typing import Annotated

import typer

from ..errors import BenchError
from .common import told


def register(app):
    app.command("twin", epilog="Example: [bold]holdfast twin --count 2[/]; then, in another terminal, [bold]mpremote connect PORT[/] with a port that it prints")(twin)


@told
def twin(count: Annotated[int, typer.Option(min=1, max=50, help="How many boards.")] = 1):
    """Start virtual boards with real serial ports, for any tool, until Ctrl-C."""
    raise BenchError("not here yet")
