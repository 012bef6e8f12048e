"""Which serial ports there are, with their USB ids. May use: pyserial."""

import os
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


def choose_all(names, boards, given):
    """The ports of the boards of one run, one each: those given, in their order, else the only ones on which such boards are seen. Raises BenchError."""
    if len(names) == 1:
        if len(given) > 1:
            raise BenchError("%d ports were given for one board: %s" % (len(given), ", ".join(given)))
        return [choose(names[0], boards[0], given[0] if given else None)]
    if not given:
        return _seen(names, boards)
    if len(given) != len(names):
        raise BenchError("this needs %d boards (%s), and %d %s given: --port once for each of them, in their order" % (
            len(names), ", ".join(names), len(given), "port was" if len(given) == 1 else "ports were"))
    devices = {}
    for port in given:
        device = port.rstrip("/").lower() if "://" in port else os.path.realpath(port)
        if device in devices:
            raise BenchError("--port %s and --port %s are the same board%s: each board has a port of its own" % (
                devices[device], port, "" if port == devices[device] else " (%s)" % device))
        devices[device] = port
    return list(given)


def _seen(names, boards):
    """A port for each of several boards, when exactly as many of each kind are plugged in as are wanted."""
    here, taken = plugged_in(), []
    for name, board in zip(names, boards):
        fits = [p.device for p in here if p.usb_id in board.usb_ids]
        wanted = names.count(name)
        if len(fits) != wanted:
            raise BenchError("%d of %s %s wanted and %d plugged in%s: name their ports with --port, once for each board" % (
                wanted, name, "is" if wanted == 1 else "are", len(fits), " (%s)" % ", ".join(fits) if fits else ""))
        free = [device for device in fits if device not in taken]
        if not free:
            raise BenchError("the ports %s could be boards of several kinds: say which with --port, once for each board" % ", ".join(fits))
        taken.append(free[0])
    return taken


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
