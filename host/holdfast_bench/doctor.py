"""Looks at this machine: what is installed, seen and possible. Changes nothing.

May use: what set-up chose, installed packages, ports, board files. Each answer is a Check; the command prints them.
"""

import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass

from . import checkout
from .boards import known
from .boards.ports import plugged_in
from .choices import choices
from .drivers.broker_mosquitto import find_mosquitto
from .drivers.hil import BY_TOOL, can, missing
from .errors import BenchError
from .faults import catalogue

OK, MISSING, NOTE = "ok", "missing", "note"
TOOLS = ("mpremote", "esptool", "adafruit-ampy", "pyserial", "paho-mqtt")


@dataclass(frozen=True)
class Check:
    topic: str
    state: str  # OK, MISSING: something does not work without it, NOTE: something more would be possible
    what: str
    remedy: str = ""


def checks():
    """Every check, in the order people read them."""
    return [*_interpreters(), *_tools(), *_brokers(), *_rights(), *_boards(), *_faults(), *_secrets()]


def _interpreters():
    yield Check("Python", OK, "%d.%d.%d" % sys.version_info[:3])
    try:
        chosen = choices()
    except BenchError as e:
        yield Check("MicroPython", MISSING, str(e), "make setup")
        return
    yield _interpreter("MicroPython", chosen.micropython)
    if chosen.micropython32:
        yield _interpreter("MicroPython, 32 bit", chosen.micropython32)
    else:
        yield Check("MicroPython, 32 bit", NOTE, "not here: nothing is shown about word size and heap", "on Debian or Ubuntu (amd64) set-up fetches it")
    simple = chosen.umqtt / "umqtt" / "simple.py"
    yield Check("umqtt.simple", OK if simple.exists() else MISSING, str(simple), "" if simple.exists() else "make setup")


def _interpreter(topic, chosen):
    try:
        said = subprocess.run([*chosen.command, "-c", "print(1)"], capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    where = chosen.command[-1]
    if said == "1":
        return Check(topic, OK, "%s, %d bit, %s" % (chosen.version, chosen.bits, where))
    return Check(topic, MISSING, "%s does not run" % where, "make clean && make setup")


def _tools():
    for name in TOOLS:
        try:
            yield Check(name, OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, MISSING, "not installed", "make setup")


def _brokers():
    path = find_mosquitto()
    if path:
        said = subprocess.run([path, "-h"], capture_output=True, text=True, timeout=10).stdout.split("\n")[0]
        yield Check("broker", OK, "%s at %s; also the built-in one" % (said, path))
    else:
        yield Check("broker", OK, "the built-in one; mosquitto is not installed", "apt install mosquitto (optional)")


def _rights():
    ports = plugged_in()
    denied = [p.device for p in ports if not os.access(p.device, os.R_OK | os.W_OK)]
    if denied:
        yield Check("serial ports", MISSING, "no permission for %s" % ", ".join(denied), "sudo usermod -aG dialout $USER, then log in again")
    elif ports:
        yield Check("serial ports", OK, "may be opened: %s" % ", ".join(p.device for p in ports))
    else:
        yield Check("serial ports", NOTE, "none is plugged in; twins need none")


def _boards():
    ports = plugged_in()
    try:
        boards = known()
    except BenchError as e:
        yield Check("board files", MISSING, str(e))
        return
    yield Check("board files", OK, ", ".join(boards))
    for port in ports:
        fits = [name for name, f in boards.items() if port.usb_id in f.usb_ids]
        yield Check("board", OK if fits else NOTE, "%s (%s): %s" % (port.device, port.usb_id, " or ".join(fits) or "no board file has this USB id"))


def _faults():
    """What can be broken where: by the drivers that each board file names, and by whether these work here."""
    names = catalogue()
    for place, what in (("sim", "in the simulation"), ("twin", "on a twin")):
        here = [name for name, f in names.items() if place in f.how]
        yield Check("faults " + what, OK, "all %d" % len(here) if len(here) == len(names) else "%d of %d" % (len(here), len(names)))
    try:
        boards = known()
    except BenchError:
        return      # said already
    for name, board in boards.items():
        possible = [fault for fault, f in names.items() if can(board, f)]
        hindrances = ["[%s] %s: %s" % (table, settings.driver, why) for table, settings in (("wifi", board.wifi), ("power", board.power), ("network", board.network))
                      for why in [missing(settings)] if why]
        yield Check("faults, " + name, NOTE if hindrances else OK, "%s (Wi-Fi by %s, power by %s, network by %s, broker %s)" % (
            ", ".join(possible), board.wifi.driver, board.power.driver, board.network.driver, board.broker.driver), "; ".join(hindrances))
    for driver, what in (("nftables", "packets between a real board and the broker vanish, are refused, their flows forgotten"),
                         ("packets", "they are also delayed, lost in bursts, doubled, reordered")):
        why = BY_TOOL[driver].missing(None)
        yield Check("network by %s" % driver, NOTE if why else OK, "%s: %s" % ("not possible here" if why else "possible here", what), why or "")
    yield Check("more on real boards", NOTE, "a broker that is started here can be stopped and has hooks; a [power] driver can cut the power: docs/bench.md")


def _secrets():
    if checkout.SECRETS.exists():
        mode = checkout.SECRETS.stat().st_mode & 0o077
        yield Check("secrets.json", NOTE if mode else OK, "there%s" % ("; others on this machine may read it" if mode else ""),
                    "chmod 600 secrets.json" if mode else "")
    else:
        yield Check("secrets.json", NOTE, "not there: needed for real boards only", "cp secrets.example.json secrets.json, then fill it in")
