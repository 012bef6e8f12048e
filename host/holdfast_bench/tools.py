"""Runs other people's tools (mpremote, esptool) as they are, each call with a time limit of its own.

A tool that hangs is ended, with everything it started, by its process group; what it said is in the error.
"""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

from .errors import BenchError


@dataclass
class Said:
    status: int
    text: str  # standard output and standard error as they came

    @property
    def last_line(self):
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


def python_tool(module, *args):
    """The command line of a tool that is a Python module in our own environment."""
    return [sys.executable, "-m", module, *[str(a) for a in args]]


def run(command, limit_s, what, on_line=None, remedy="run `make setup`"):
    """Runs `command` to its end and returns what it said. `on_line(text)` gets each line as it comes.

    Raises BenchError when it cannot be started or does not end within `limit_s`; the status is the caller's business.
    """
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", start_new_session=True)
    except OSError as e:
        raise BenchError("cannot start %s (%s): %s" % (command[0], e.strerror, remedy)) from None
    timer = _Killer(process, limit_s)
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if on_line:
                on_line(line.rstrip("\n"))
        status = process.wait()
    finally:
        timer.cancel()
        _end_group(process)
        process.stdout.close()
    said = Said(status, "".join(lines))
    if timer.fired:
        raise BenchError("%s did not end within %.0f s and was stopped; last it said: %s" % (what, limit_s, said.last_line))
    return said


class _Killer:
    """Ends a process group when its time is over."""

    def __init__(self, process, limit_s):

        self.fired = False
        self._process = process
        self._timer = threading.Timer(limit_s, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self):
        self.fired = True
        _end_group(self._process)

    def cancel(self):
        self._timer.cancel()


def _end_group(process):
    """SIGKILL to the group this module made for the process. Nothing else is in it."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
