"""The driver `nmcli`: a hotspot of this machine that NetworkManager runs, one of its connections."""

import re
import shutil

from .. import tools
from ..errors import BenchError

WAIT_S = 20     # nmcli waits this long for NetworkManager
LIMIT_S = WAIT_S + 10
_NOT_RUNNING, _NOT_THERE = 8, 10        # exit status of nmcli: NetworkManager is not running; connection, device or access point does not exist


class Nmcli:
    def __init__(self, settings):
        self._name = settings.connection

    def off(self):
        if not self.state()[0]:      # it refuses what is so already
            self._call("connection", "down", "id", self._name)

    def on(self):
        self._call("connection", "up", "id", self._name)

    def state(self):
        lines = self._call("-t", "-f", "NAME,STATE", "connection", "show", "--active").splitlines()
        active = {_unescaped(name): state for name, state in (re.split(r"(?<!\\):", line, maxsplit=1) for line in lines if ":" in line)}
        return active.get(self._name) is None, "NetworkManager does not run connection %s" % self._name

    def _call(self, *args):
        said = tools.run(["nmcli", "--wait", str(WAIT_S), *args], LIMIT_S, "nmcli", remedy=REMEDY)
        if said.status == _NOT_RUNNING:
            raise BenchError("NetworkManager is not running: `systemctl start NetworkManager`")
        if said.status == _NOT_THERE and "unknown connection" in said.text:
            raise BenchError("NetworkManager has no connection %r: `nmcli connection show` lists them" % self._name)
        if said.status:
            raise BenchError("nmcli could not switch %s: %s" % (self._name, said.last_line))
        return said.text

    @staticmethod
    def missing(settings):
        return None if shutil.which("nmcli") else "nmcli is not installed: " + REMEDY


REMEDY = "install NetworkManager, or take another [wifi] driver"


def _unescaped(text):
    return re.sub(r"\\(.)", r"\1", text)
