"""Puts the parts of the performance table together. Each part is measured in its own file."""

from . import machinery, outages, sizes
from .figures import KINDS

PARTS = {
    "outages": lambda runs, said: outages.measure(range(1, runs + 1), said),
    "sizes": lambda runs, said: sizes.measure(said),
    "machinery": lambda runs, said: machinery.measure(said),
}


def measure(parts, runs, said):
    """The figures of these parts, in the order of figures.py; runs: repetitions of what is drawn. said(text): what is under way."""
    found = []
    for part in parts:
        found += PARTS[part](runs, said)
    order = list(KINDS)
    return sorted(found, key=lambda figure: order.index(figure.name))
