"""The driver `command`: two shell commands switch something, a third may say how it stands. For Wi-Fi and for power."""

import subprocess

from ..errors import BenchError

LIMIT_S = 60


class Switch:
    """`off` and `on` are shell commands; `check` (optional) ends with status 0 while the thing is on."""

    def __init__(self, what, off, on, check=None):
        if not off or not on:
            raise BenchError("the driver \"command\" for %s needs both `off` and `on` in the board file" % what)
        self._what, self._off, self._on, self._check = what, off, on, check
        self._is_off = False

    def off(self):
        self._run(self._off)
        self._is_off = True

    def on(self):
        self._run(self._on)
        self._is_off = False

    def is_off(self):
        """By `check` where there is one; otherwise as it was switched last."""
        if self._check is None:
            return self._is_off
        return subprocess.run(self._check, shell=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S).returncode != 0

    away, back, is_away = off, on, is_off

    def _run(self, command):
        try:
            done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise BenchError("the command for %s did not end within %d s: %s" % (self._what, LIMIT_S, command)) from None
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise BenchError("the command for %s failed (status %d): %s: %s" % (self._what, done.returncode, command, last[0]))
