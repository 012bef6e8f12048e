"""The MicroPython process that is one life of a chip: starting it, the frames to and from it, ending it for certain.

Runs in the loop's thread. A child does not outlive its parent, whatever happens to that. May use: subprocess, world.wire.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys

from .. import safepoint
from ..errors import BenchError
from ..world import wire

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent():
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One child. on_frame(kind, number, payload) gets what it sends, on_end() is called once when it is gone by itself."""

    def __init__(self, loop, interpreter, heap_bytes, folder, life, log_path, on_frame, on_end):
        self._loop, self._on_frame, self._on_end = loop, on_frame, on_end
        self._frames = wire.Frames()
        self._unsent = bytearray()
        self._command = interpreter.command
        child_in, self._to = os.pipe()
        self._from, child_out = os.pipe()
        for fd in (child_in, self._to, self._from):
            os.set_blocking(fd, False)
        command = [*interpreter.command, "-X", "heapsize=%d" % heap_bytes, "-c", "import holdfast_bench.chip.child", str(child_in),
                   str(child_out)]
        try:
            with open(log_path, "ab") as log:
                self._popen = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                               pass_fds=(child_in, child_out), start_new_session=True,
                                               preexec_fn=_die_with_parent, env={"PATH": os.environ.get("PATH", "")})
        except OSError as e:
            os.close(self._to)
            os.close(self._from)
            raise BenchError("the interpreter %s does not start: %s" % (interpreter.command[0], e.strerror)) from None
        finally:
            os.close(child_in)
            os.close(child_out)
        self.pid = self._popen.pid
        loop.add_reader(self._from, self._readable)
        # Not on the command line: the interpreter takes arguments of 255 bytes at most.
        self.send_json(wire.LIFE, 0, life)

    def send(self, kind, number, payload):
        if self._to is None:
            return
        self._unsent += wire.frame(kind, number, payload)
        self._flush()

    def send_json(self, kind, number, value):
        self.send(kind, number, json.dumps(value).encode())

    def _flush(self):
        if self._to is None:
            return
        try:
            del self._unsent[:os.write(self._to, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()
        if self._unsent:
            self._loop.add_writer(self._to, self._flush)
        else:
            self._loop.remove_writer(self._to)

    def _readable(self):
        try:
            data = os.read(self._from, 65536)
        except BlockingIOError:
            return
        if not data:
            self.kill()
            self._on_end()
            return
        for kind, number, payload in self._frames.feed(data):
            if self._from is None:
                return           # the frame before this one ended the life
            self._on_frame(kind, number, payload)

    def interrupt(self):
        """Reaches a program that computes and never waits."""
        if self._popen.poll() is None:
            safepoint.interrupt(self.pid, self._command)

    def computing(self):
        """Whether the child is on the processor right now, rather than waiting."""
        try:
            with open("/proc/%d/stat" % self.pid) as f:
                return f.read().rpartition(")")[2].split()[0] == "R"
        except OSError:
            return False

    def kill(self):
        """SIGKILL, wherever it is; returns when it is gone. Nothing it sent before is delivered any more."""
        if self._from is None:
            return
        self._loop.remove_reader(self._from)
        self._loop.remove_writer(self._to)
        self._popen.kill()
        self._popen.wait()
        os.close(self._from)
        os.close(self._to)
        self._from = self._to = None
