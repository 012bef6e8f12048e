"""The tools that carry a deployment to the board, as they are: mpremote, and ampy for boards on which mpremote fails.

Each call has its time limit. May use: tools. Knows nothing of what is deployed.
"""

import importlib.util
import tempfile
from pathlib import Path

from .. import tools
from ..errors import BenchError

LOOK_LIMIT_S = 60
SEND_LIMIT_S = 300


class Mpremote:
    """run(code) -> what it printed; put(folder, code): the folder's content to the board's root, then code, then a hard reset -> what code printed."""

    name = "mpremote"

    def __init__(self, port):
        self._port = port
        _must_have("mpremote")

    def run(self, code, what):
        return self._call(LOOK_LIMIT_S, what, "exec", code)

    def run_private(self, code, what):
        """The same for code with secrets in it: not where others see command lines."""
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            script = Path(folder) / "script.py"
            script.write_text(code)
            return self._call(LOOK_LIMIT_S, what, "run", str(script))

    def put(self, folder, clean, code, what):
        """clean: a folder of the board that has to go first, or None."""
        first = ["fs", "rm", "-r", ":" + clean, "+"] if clean else []
        copies = [arg for entry in sorted(folder.iterdir()) for arg in ("fs", "cp", "-r", str(entry), ":/", "+")]
        return self._call(SEND_LIMIT_S, what, *first, *copies, "exec", code, "+", "reset")

    def reset(self, what):
        self._call(LOOK_LIMIT_S, what, "reset")

    def _call(self, limit_s, what, *args):
        said = tools.run(tools.python_tool("mpremote", "connect", self._port, "resume", *args), limit_s, "mpremote (%s)" % what)
        if said.status:
            raise BenchError("mpremote could not %s: %s" % (what, said.last_line))
        return said.text


class Ampy:
    """The same with ampy: slower, and it soft-resets the board before each call."""

    name = "ampy"
    DELAY_S = "0.5"

    def __init__(self, port):
        self._port = port
        _must_have("ampy")

    def run(self, code, what):
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            script = Path(folder) / "script.py"
            script.write_text(code)
            return self._call(LOOK_LIMIT_S, what, "run", str(script))

    def put(self, folder, clean, code, what):
        if clean:
            self._call(SEND_LIMIT_S, what, "rmdir", clean)
        for entry in sorted(folder.iterdir()):
            self._call(SEND_LIMIT_S, what, "put", str(entry), "/" + entry.name)
        said = self.run(code, what)
        self.reset(what)
        return said

    def reset(self, what):
        self._call(LOOK_LIMIT_S, what, "reset", "--hard")

    def _call(self, limit_s, what, *args):
        said = tools.run(tools.python_tool("ampy.cli", "--port", self._port, "--delay", self.DELAY_S, *args), limit_s, "ampy (%s)" % what)
        if said.status:
            raise BenchError("ampy could not %s: %s" % (what, said.last_line))
        return said.text


VIA = {"mpremote": Mpremote, "ampy": Ampy}


def _must_have(module):
    if importlib.util.find_spec(module) is None:
        raise BenchError("%s is not installed: run `make setup`" % module)
