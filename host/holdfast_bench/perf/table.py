"""Puts the parts of the performance table together. Each part is measured in its own file."""

from dataclasses import replace

from . import beside, dtu, machinery, memory, outages, sizes, standby
from .figures import KINDS
from .link import NoLink

SIMULATION = "simulation"


def _clients(runs, others, said):
    """Over the packet link, with the simulation's figures beside; where there is no link, the simulation's are the figures. others None: only
    the simulation."""
    simulated = outages.measure(range(1, runs + 1), lambda name: said("%s in the simulation" % name, 0, 1))
    if others is None:
        return simulated
    try:
        measured = beside.measure(runs, others, said)
    except NoLink as e:
        return [replace(figure, how="%s (no packet link here: %s)" % (figure.how, e)) for figure in simulated]
    return measured + [replace(figure, client=SIMULATION) for figure in simulated]


PARTS = {
    "clients": _clients,
    "standby": lambda runs, others, said: standby.measure(range(1, runs + 1), lambda text: said(text, 0, 1)),
    "sizes": lambda runs, others, said: sizes.measure(lambda text: said(text, 0, 1)),
    "memory": lambda runs, others, said: memory.measure(lambda text: said(text, 0, 1)),
    "dtu": lambda runs, others, said: dtu.measure(lambda text: said(text, 0, 1)),
    "machinery": lambda runs, others, said: machinery.measure(lambda text: said(text, 0, 1)),
}


def measure(parts, runs, others, said):
    """The figures of these parts, in the order of figures.py; runs: repetitions of what chance has a hand in; others: with the other clients; None: nothing that needs
    real time. said(text, done, total): what is under way."""
    found = []
    for part in parts:
        found += PARTS[part](runs, others, said)
    order = list(KINDS)
    return sorted(found, key=lambda figure: order.index(figure.name))
