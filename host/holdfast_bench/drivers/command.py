"""The driver `command`: two shell commands switch something, a third may say how it stands. For Wi-Fi and for power."""

from .. import tools
from ..errors import BenchError

LIMIT_S = 60


class Switch:
    """`off` and `on` are shell commands; `check` (optional) ends with status 0 while the thing is on, with 1 while it is off."""

    def __init__(self, what, settings):
        self._what, self._settings = what, settings

    def off(self):
        self._run(self._settings.off)

    def on(self):
        self._run(self._settings.on)

    def state(self):
        if self._settings.check is None:
            return None, ""
        said = self._call(self._settings.check)
        if said.status > 1:
            raise BenchError("the command that checks %s failed (status %d): %s: %s" % (self._what, said.status, self._settings.check, said.last_line))
        return bool(said.status), "the check command says that it is off"

    def _run(self, command):
        said = self._call(command)
        if said.status:
            raise BenchError("the command for %s failed (status %d): %s: %s" % (self._what, said.status, command, said.last_line))

    def _call(self, command):
        return tools.run(["sh", "-c", command], LIMIT_S, "the command for %s (%s)" % (self._what, command))

    @staticmethod
    def missing(settings):
        return None
