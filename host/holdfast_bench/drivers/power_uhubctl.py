"""The driver `uhubctl`: a USB hub that can switch its ports. Many cannot and say that they did: proof.py looks at the reset cause."""

import re
import shutil

from .. import tools
from ..errors import BenchError

LIMIT_S = 30
_POWERED = 0x0100       # in the port's status word of a USB 2 hub (USB 2.0, table 11-21, PORT_POWER)
_POWERED_3 = 0x0200     # the same of a USB 3 hub (USB 3.2, table 10-10)


class Uhubctl:
    def __init__(self, settings):
        self._hub, self._port = settings.hub, settings.port

    def off(self):
        # Once more after a moment: what hangs there may hold the port up.
        self._call("-a", "off", "-r", "2")

    def on(self):
        self._call("-a", "on")

    def state(self):
        words = re.findall(r"^\s*Port %d: ([0-9a-f]{4})(.*)$" % self._port, self._call(), re.M)
        if not words:
            raise BenchError("hub %s has no port %d: `uhubctl` lists hubs and ports" % (self._hub, self._port))
        word, text = int(words[-1][0], 16), words[-1][1].strip()
        off = not word & (_POWERED | _POWERED_3) and "power" not in text.split()
        return off, "hub %s says that port %d is %s" % (self._hub, self._port, "off" if off else "on")

    def _call(self, *args):
        said = tools.run(["uhubctl", "-l", self._hub, "-p", str(self._port), *args], LIMIT_S, "uhubctl", remedy=REMEDY)
        if re.search(r"no compatible devices|no compatible (smart )?hubs", said.text, re.I):
            raise BenchError("uhubctl finds no hub at %s whose ports can be switched: `uhubctl` lists those there are" % self._hub)
        if re.search(r"permission|access denied", said.text, re.I):
            raise BenchError("no permission to switch hub %s: run as root, or install uhubctl's udev rules" % self._hub)
        if said.status:
            raise BenchError("uhubctl failed: %s" % said.last_line)
        return said.text

    @staticmethod
    def missing(settings):
        return None if shutil.which("uhubctl") else "uhubctl is not installed: " + REMEDY


REMEDY = "install uhubctl (https://github.com/mvp/uhubctl), or take another [power] driver"
