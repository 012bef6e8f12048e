"""The catalogue of faults, named by symptom. One file per symptom; the file registers itself under the name users type.

A fault knows which abilities of the rig it needs and uses those only; how an ability is had (twin, real access point,
relay) is the drivers' business. Each says afterwards whether it took effect: a fault that did not shows nothing.
"""

import importlib
import pkgutil

from pydantic import BaseModel, ConfigDict

_CATALOGUE = {}


class Fault:
    """One fault of a running scenario. `rig` gives boards and drivers, `boards` are the names it is to hit."""

    needs = ()  # abilities: "wifi", "power", "network", "broker", "console"
    momentary = False  # happens at one instant and has no end
    resets = False  # restarts the boards it hits, now or at its end

    class Args(BaseModel):
        """The arguments a step may give; none by default."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, rig, boards, args):
        self.rig, self.boards, self.args = rig, boards, self.Args.model_validate(args)

    def begin(self):
        """Starts the fault. Raises BenchError when it cannot."""
        raise NotImplementedError

    def end(self):
        """Heals it, without leaving a trace. Called once; never for momentary faults."""

    def evidence(self):
        """What shows that it took effect, as text; None while nothing does. Asked until it answers or time is up."""
        raise NotImplementedError


def fault(name):
    """Registers a Fault class under the name used in scenarios, log and report."""
    def register(cls):
        cls.name = name
        _CATALOGUE[name] = cls
        return cls
    return register


def catalogue():
    """Every fault by name."""
    if not _CATALOGUE:
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module("%s.%s" % (__name__, module.name))
    return _CATALOGUE
