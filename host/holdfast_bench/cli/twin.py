"""`holdfast twin`: virtual boards with real ports, until Ctrl-C."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..errors import BenchError
from .common import out, told


def register(app):
    app.command("twin", epilog="Examples: [bold]holdfast twin --count 2[/]; then, in another terminal, [bold]mpremote connect PORT[/] with a port that it prints. "
                "[bold]holdfast twin --folder here[/] keeps the board's flash in ./here/ and finds it again.")(twin)


@told
def twin(
    count: Annotated[int, typer.Option(min=1, max=100, help="How many boards.")] = 1,
    chip: Annotated[str, typer.Option(help="Which chip: esp32, esp32s2, esp32s3, esp32c3 or esp32c6.")] = "esp32",
    rfc2217: Annotated[Optional[int], typer.Option(metavar="PORT", min=1, max=65535, help="Serve the serial port on this TCP port, too (RFC 2217; the next boards on the next ports): "
                                                   "with DTR and RTS, so that tools reset the board by themselves.")] = None,
    blank: Annotated[bool, typer.Option("--blank", help="Nothing flashed, not even MicroPython: for esptool. Has no effect on a board that --folder has already.")] = False,
    folder: Annotated[Optional[Path], typer.Option(help="Where the boards keep flash and ports; kept afterwards. Otherwise a temporary one.")] = None,
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the boards' `broker`, port 1883, leads to.")] = "127.0.0.1:1883",
):
    """Start virtual boards with real serial ports, for any tool, until Ctrl-C."""
    from ..twin.serve import serve
    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BenchError("--broker takes HOST:PORT, not %r" % broker)
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise BenchError("cannot make the folder %s: %s" % (folder, e.strerror)) from None
    serve(count, lambda text: out.print(text, markup=False, soft_wrap=True), {"broker": {1883: (host, int(port))}}, folder,
          rfc2217=rfc2217, chip=chip, blank=blank)
