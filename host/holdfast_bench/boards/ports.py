"""Which serial ports there are, with their USB ids. May use: pyserial."""

from dataclasses import dataclass

from serial.tools import list_ports

from ..errors import BenchError


@dataclass(frozen=True)
class Port:
    device: str
    usb_id: str | None  # "10c4:ea60"
    what: str


def plugged_in():
    """Ports with a USB id, by name. Built-in ports of the PC are left out: no board hangs there."""
    found = [Port(p.device, "%04x:%04x" % (p.vid, p.pid), p.description or "") for p in list_ports.comports() if p.vid is not None]
    return sorted(found, key=lambda p: p.device)


def choose(name, board, given):
    """The port of a board: the one given, else the only one on which such a board is seen. Raises BenchError."""
    if given:
        return given
    seen = [p.device for p in plugged_in() if p.usb_id in board.usb_ids]
    if len(seen) == 1:
        return seen[0]
    if not seen:
        raise BenchError("no %s is plugged in (USB id %s): connect it, or name its port with --port" % (name, " or ".join(board.usb_ids)))
    raise BenchError("several ports could be %s: %s; say which with --port" % (name, ", ".join(seen)))
