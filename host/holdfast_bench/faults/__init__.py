"""The catalogue of faults, named by symptom. One file per symptom; the file registers itself under the name users type.

A fault knows which abilities of the rig it needs and uses those only; how an ability is had (twin, real access point,
relay) is the drivers' business. Each says afterwards whether it took effect: a fault that did not shows nothing.
"""

import importlib
import pkgutil
import random

from pydantic import BaseModel, ConfigDict

_CATALOGUE = {}


class Fault:
    """One fault of a running scenario. `rig` gives boards and drivers, `boards` are the names it is to hit."""

    needs = ()  # abilities of the rig: see rig.ABILITIES
    momentary = False  # happens at one instant and has no end
    resets = False  # restarts the boards it hits, now or at its end
    shows_within_ms = 8000  # within this it has to show that it took effect
    together = False  # hits every board of the run, because it sits at the one broker
    how = {}  # place ("sim", "twin", "hil") → the mechanism there, for people; a place that is missing cannot do it

    class Args(BaseModel):
        """The arguments a step may give; none by default."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, rig, boards, args, rng=None):
        self.rig, self.boards, self.args = rig, boards, self.Args.model_validate(args)
        self.rng = rng or random.Random(0)  # a stream of its own, from the run's seed

    def begin(self):
        """Starts the fault. Raises BenchError when it cannot."""
        raise NotImplementedError

    def end(self):
        """Heals it, without leaving a trace. Called once; never for momentary faults."""

    def evidence(self):
        """What shows that it took effect, as text; None while nothing does. Asked until it answers or time is up."""
        raise NotImplementedError

    def each(self, ability):
        """The drivers of one ability for the boards it hits; one that several boards share comes once."""
        return list({id(driver): driver for driver in (getattr(self.rig, ability)[name] for name in self.boards)}.values())


def fault(name):
    """Registers a Fault class under the name used in scenarios, log and report."""
    def register(cls):
        cls.name = name
        _CATALOGUE[name] = cls
        return cls
    return register


def all_of(shown):
    """One text out of every board's evidence, None while one has none."""
    shown = list(shown)
    return "; ".join(dict.fromkeys(shown)) if shown and all(shown) else None


def catalogue():
    """Every fault by name, sorted."""
    if len(_CATALOGUE) == 0:
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module("%s.%s" % (__name__, module.name))
        ordered = sorted(_CATALOGUE.items())
        _CATALOGUE.clear()
        _CATALOGUE.update(ordered)
    return _CATALOGUE
