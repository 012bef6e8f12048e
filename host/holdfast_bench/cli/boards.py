"""`holdfast boards`: the boards known (boards/*.toml) and those plugged in."""

from typing import Annotated, Optional

import typer

from ..boards import find, known
from ..boards.ports import plugged_in
from .common import JSON_HELP, out, table, told, write_json


def register(app):
    app.command("boards", epilog="Examples: [bold]holdfast boards[/]; [bold]holdfast boards esp32-devkitc[/]")(boards)


@told
def boards(
    name: Annotated[Optional[str], typer.Argument(help="Show one board in full.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
):
    """List the boards known and the ports on which one is seen."""
    files = {name: find(name)} if name else known()
    ports = plugged_in()
    seen = {n: [p.device for p in ports if p.usb_id in f.usb_ids] for n, f in files.items()}
    write_json({"boards": [{"name": n, **f.model_dump(), "ports": seen[n]} for n, f in files.items()],
                "ports": [{"port": p.device, "usb_id": p.usb_id, "what": p.what} for p in ports]}, json_file)
    if json_file == "-":
        return
    if name:
        _in_full(name, files[name], seen[name])
        return
    rows = table("board", "what", "chip", "image", "flash at", "seen at")
    rows.add_row("[bold]sim[/]", "simulation: the same firmware, virtual time", "", "", "", "always here")
    rows.add_row("[bold]twin[/]", "virtual board with a real serial port", "", "", "", "always here")
    for n, f in files.items():
        rows.add_row("[bold]%s[/]" % n, f.title, f.chip, f.image, "0x%x" % f.flash_offset, ", ".join(seen[n]) or "–")
    out.print(rows)
    unknown = [p for p in ports if not any(p.usb_id in f.usb_ids for f in files.values())]
    for p in unknown:
        out.print("%s: %s (%s) is none of these; a board of your own is one more file in boards/" % (p.device, p.what, p.usb_id or "no USB id"))


def _in_full(name, f, ports):
    rows = table("", "")
    for label, value in (("board", "[bold]%s[/]: %s" % (name, f.title)), ("chip", f.chip), ("image", "%s-….bin from %s" % (f.image, f.image_url)),
                         ("flash at", "0x%x, %d MB" % (f.flash_offset, f.flash_mb)), ("REPL", "%s at %d baud" % (f.repl, f.baud)),
                         ("reset", f.reset), ("USB ids", " ".join(f.usb_ids)), ("Wi-Fi is switched by", f.wifi.driver),
                         ("power is switched by", f.power.driver), ("broker", f.broker.driver), ("seen at", ", ".join(ports) or "–")):
        rows.add_row(label, value)
    out.print(rows)
    for note in f.notes:
        out.print("• " + note)
