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
    """Fields of an event, in place: its traceback (`trace`), or the line at which the program was interrupted (`where`), when it has one."""
    for name in ("trace", "where"):
        text = fields.get(name)
        if isinstance(text, str) and _LINE.search(text):
            fields[name] = names().restore(text)
    return fields
