"""Drills (R48): a named set of scenarios that runs unattended, keeps its results and compares itself with the last times.

load: what a drill file says; store: the database; compare: what got slower, worse or better.
"""

from .compare import Change, compare  # noqa: F401
from .load import Drill, find, known  # noqa: F401
from .store import Store  # noqa: F401
