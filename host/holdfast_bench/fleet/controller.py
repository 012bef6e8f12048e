"""The firmware's own retry controller on CPython: firmware/holdfast/retry.py and what it imports, unchanged, so that there is but one.

They want `const` and ticks, which are given to them here; nothing of the interpreter itself is changed.
"""

import builtins
import re
import types

from ..checkout import FIRMWARE
from ..errors import BenchError

TICKS = 1 << 30
_HALF = TICKS >> 1


def _module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    return made


_PORT = {
    "micropython": _module("micropython", const=lambda value: value),
    "time": _module("time", ticks_add=lambda ticks, delta: (ticks + delta) % TICKS,
                    ticks_diff=lambda end, start: (end - start + _HALF) % TICKS - _HALF),
}


def firmware_module(name, firmware=None):
    """The module `name` of the firmware's package, with those of its own that it imports. Raises BenchError."""
    return _load(name, firmware or FIRMWARE, {})


def _load(name, firmware, loaded):
    if name in loaded:
        return loaded[name]
    path = firmware / "holdfast" / (name + ".py")
    try:
        code = compile(path.read_text(), str(path), "exec")
    except OSError as e:
        raise BenchError("cannot read the firmware's %s: %s" % (path.name, e.strerror)) from None

    def find(wanted, globals=None, locals=None, fromlist=(), level=0):
        return _load(wanted, firmware, loaded) if level else _PORT[wanted] if wanted in _PORT else __import__(wanted, globals, locals, fromlist)

    made = loaded[name] = _module(name, __builtins__={**vars(builtins), "__import__": find})
    exec(code, made.__dict__)
    return made


def defaults(names, firmware=None):
    """{name: default} of numeric and text settings, as firmware/holdfast/config.py has them."""
    text = ((firmware or FIRMWARE) / "holdfast" / "config.py").read_text()
    found = {}
    for name in names:
        match = re.search(r'^\s*\("%s", ("?)([\w.]+)\1,' % name, text, re.M)
        if not match:
            raise BenchError("config.py of the firmware has no setting %r any more" % name)
        found[name] = match[2] if match[1] else int(match[2])
    return found
