"""The simulation: one MicroPython process that holds the world, the chip's fakes and the unmodified firmware, in virtual time.

runner.py (CPython) starts it and reads its history; inside/ (MicroPython) is what runs in it.
"""

from .runner import Outcome, SimulationError, Spec, idle_plan  # noqa: F401
from .stock import run, stock_spec  # noqa: F401
