"""Tracebacks of a board, with the names that the source has: the build that `holdfast deploy` makes of this checkout says what was called what.

May use: the checkout, the build. A board that runs another build, or source, keeps its lines as they are where they do not fit.
"""

import functools
import re

from . import checkout, mpy
from .errors import BenchError
from .reduce import Names, Restorer

_LINE = re.compile(r'File "\w+", line')


@functools.cache
def names():
    """The Names of this checkout's firmware; empty where it does not compile."""
    try:
        return mpy.firmware(checkout.FIRMWARE / "holdfast")[1]
    except (BenchError, OSError):
        return Names({})


def restorer():
    """For the lines of one board, in their order."""
    return Restorer(names)


def restored(fields, names=names):
    """Fields of a console event, in place: its traceback, when it has one."""
    trace = fields.get("trace")
    if isinstance(trace, str) and _LINE.search(trace):
        fields["trace"] = names().restore(trace)
    return fields
