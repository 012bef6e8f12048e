"""What set-up found and chose on this machine: interpreters, umqtt, broker. Reads build/setup.json, the one place for it."""

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


class SetupMissing(BenchError):
    """Set-up has not run (or its result is gone); the text says what to do."""


@dataclass(frozen=True)
class Interpreter:
    """A MicroPython of this machine: `command` starts it; `bits` is its word size (the ESP32's is 32)."""

    command: tuple
    version: str
    bits: int


@dataclass(frozen=True)
class Choices:
    """micropython is the main interpreter, micropython32 the one with the ESP32's words or None; umqtt the folder that has
    umqtt/; mosquitto its path or None."""

    micropython: Interpreter
    micropython32: Interpreter | None
    umqtt: Path
    mosquitto: str | None

    @property
    def twin(self):
        """The interpreter for twins and simulation: the 32-bit one when there is one."""
        return self.micropython32 or self.micropython


def _interpreter(entry):
    return Interpreter(tuple(entry["command"]), entry["version"], entry["bits"]) if entry else None


@functools.lru_cache(maxsize=None)
def choices():
    """The Choices of this checkout. Raises SetupMissing with the remedy."""
    path = Path(os.environ.get("HOLDFAST_SETUP", BUILD / "setup.json"))
    try:
        entry = json.loads(path.read_text())
        found = Choices(_interpreter(entry["micropython"]), _interpreter(entry.get("micropython32")), Path(entry["umqtt"]),
                        entry.get("mosquitto"))
    except OSError:
        raise SetupMissing("no %s here: run make setup" % path) from None
    except (ValueError, KeyError, TypeError) as e:
        raise SetupMissing("%s is damaged (%r): remove it and run make setup" % (path, e)) from None
    for which in (found.micropython, found.micropython32):
        if which and not Path(which.command[0]).exists():
            raise SetupMissing("the interpreter %s is gone: run make setup" % which.command[0])
    return found
