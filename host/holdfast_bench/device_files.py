"""Files of the firmware that the host runs as they are, so that both ends have but one implementation.

They keep to the common subset of MicroPython and CPython and import nothing of the firmware. Knows firmware/holdfast/ and nothing else.
"""

import importlib.util

from . import checkout
from .errors import BenchError


def load(name):
    """The module firmware/holdfast/<name>.py. Raises BenchError outside a checkout."""
    path = checkout.FIRMWARE / "holdfast" / (name + ".py")
    if not path.is_file():
        raise BenchError("there is no %s: the package is meant to be installed from a checkout" % path)
    spec = importlib.util.spec_from_file_location("%s.device_%s" % (__package__, name), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
