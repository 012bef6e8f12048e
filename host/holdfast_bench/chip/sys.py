"""sys, as on the ESP32: platform, implementation, standard streams on the UART. Path and modules are the real ones."""

import sys as _host
from collections import namedtuple

from .console import StdIn, StdOut
from .soc import chip


class _Path:
    """sys.path as the chip shows it. The interpreter's own list has one entry more: what the ESP32 has frozen in and this
    interpreter has not. (A native list cannot be watched, so this only looks like one.)"""

    frozen = ""

    def restart(self):
        self._shown = ["", ".frozen", "/lib"]
        self._changed()

    def _changed(self):
        real = list(self._shown)
        if self.frozen:
            real.insert(real.index(".frozen") + 1 if ".frozen" in real else len(real), self.frozen)
        _host.path[:] = real

    def append(self, item):
        self.insert(len(self._shown), item)

    def extend(self, items):
        for item in items:
            self.append(item)

    def insert(self, i, item):
        self._shown.insert(i, item)
        self._changed()

    def remove(self, item):
        self._shown.remove(item)
        self._changed()

    def pop(self, i=-1):
        item = self._shown.pop(i)
        self._changed()
        return item

    def index(self, item):
        return self._shown.index(item)

    def __getitem__(self, i):
        return self._shown[i]

    def __setitem__(self, i, item):
        self._shown[i] = item
        self._changed()

    def __delitem__(self, i):
        del self._shown[i]
        self._changed()

    def __len__(self):
        return len(self._shown)

    def __iter__(self):
        return iter(self._shown)

    def __contains__(self, item):
        return item in self._shown

    def __eq__(self, other):
        return self._shown == other

    def __add__(self, other):
        return self._shown + other

    def __repr__(self):
        return repr(self._shown)


_numbers = _host.implementation[1]
_text = ".".join([str(n) for n in _numbers[:3]])

platform = "esp32"
version = "3.4.0; MicroPython v%s on 2025-09-11" % _text
version_info = _host.version_info
implementation = namedtuple("", ("name", "version", "_machine", "_mpy", "_build", "_thread"))(
    "micropython", _numbers, chip.model.machine, chip.model.mpy, chip.model.build, "GIL")
byteorder = "little"
maxsize = 2147483647
argv = []
path = _Path()
modules = _host.modules
ps1 = ">>> "
ps2 = "... "
stdin = StdIn(chip.console)
stdout = StdOut(chip.console)
stderr = stdout


def exit(value=None):
    raise SystemExit(value)


def print_exception(e, file=stdout):
    if file is stdout:
        chip.console.print_exception(e)
    else:
        _host.print_exception(e, file)
