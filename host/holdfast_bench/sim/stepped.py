"""A simulated board that the host leads step by step: it stands still in virtual time until it is told to go on.

For several boards at once, and for tests that decide in Python what happens next. The world inside is the same as that of
runner.py; sim/inside/puppet.py is the other end.
"""

import json
import os
import select
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ..errors import TimedOut
from ..safepoint import interrupt
from .runner import CUTS_FLASH, LOOK_MS, SPIN_S, SimulationError, _command, _event, _last_line, _prepare, _processor_s, _share_kb, _start, interpreter

ORDER_LIMIT_S = 120  # real time that one order may take, hours of virtual time included
CHUNK_MS = 60_000  # time passes in such pieces, so that one order never takes long
END_LIMIT_S = 5


class SteppedSim:
    """One board and its world, from power-on. `spec` as runner.run() takes it; its plan is not looked at."""

    def __init__(self, spec):
        self.name, self.now_ms = spec.board, 0
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-sim-", ignore_cleanup_errors=True)
        work = Path(self._folder.name)
        # Only what needs something of its own inside: the rest is the host's to say.
        actions = [action for action in spec.plan.get("actions", ()) if action["do"] in ("update", "setup") or action.get("fault") in CUTS_FLASH]
        _prepare(replace(spec, plan={"actions": actions}, world={**(spec.world or {}), "stepped": True}), work)
        micropython = interpreter()
        heap_kb = spec.heap_kb * micropython.bits // 32 + _share_kb(micropython, work)
        self._process = _start(_command(micropython, heap_kb), work, subprocess.PIPE)
        self._said = b""
        self._history = open(work / "history.jsonl", "rb") if self._answer() else None

    def until(self, ms):
        """Lets time pass until then. Returns the events that happened on the way, in order. Raises SimulationError, TimedOut."""
        while self.now_ms < ms:
            self.now_ms = self.order("until", ms=min(ms, self.now_ms + CHUNK_MS))["ms"]
        return self.events()

    def order(self, what, **fields):
        """The answer to one order (sim/inside/puppet.py)."""
        try:
            self._process.stdin.write(json.dumps({"do": what, **fields}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        return self._answer()

    def events(self):
        """What has been written to the history since this was asked last."""
        return [e for e in map(_event, self._history.read().split(b"\n")[:-1]) if e["src"] != "sim"]

    def close(self):
        """Ends it, whatever state it is in. Never raises."""
        process = self._process
        if process.poll() is None:
            try:
                process.stdin.write(b'{"do": "over"}\n')
                process.stdin.close()
                process.wait(END_LIMIT_S)
            except (OSError, subprocess.TimeoutExpired):
                process.kill()
        process.wait()
        process.stdout.close()
        if self._history:
            self._history.close()
        self._folder.cleanup()

    def _answer(self):
        """The next answer; a firmware that computes without end is interrupted on the way, as in runner.py."""
        poller, stdout = select.poll(), self._process.stdout
        poller.register(stdout, select.POLLIN)
        until, beat_at_s = time.monotonic() + ORDER_LIMIT_S, _processor_s(self._process)
        while time.monotonic() < until:
            begin = self._said.find(b"\n=")
            end = self._said.find(b"\n", begin + 2) if begin >= 0 else -1
            if end >= 0:
                answer, self._said = json.loads(self._said[begin + 2:end]), self._said[end:]
                return answer
            if poller.poll(LOOK_MS):
                data = os.read(stdout.fileno(), 65536)
                if not data:
                    raise self._ended()
                self._said, beat_at_s = (self._said + data)[-100_000:], _processor_s(self._process)
            elif _processor_s(self._process) - beat_at_s > SPIN_S:
                interrupt(self._process.pid, interpreter().command)
                beat_at_s = _processor_s(self._process)
        raise TimedOut("the simulation of %s to answer" % self.name, ORDER_LIMIT_S * 1000)

    def _ended(self):
        return SimulationError("the simulation of %s has ended: %s" % (self.name, _last_line(self._said)))
