"""A node on MicroPython's own sockets and clock, without a chip around it: for what only real peers can show. Lines it prints come back as text."""

import json
import queue
import subprocess
import threading
import time

from holdfast_bench.choices import choices
from holdfast_bench.perf.sizes import PLAIN, package

LIMIT_S = 60

PRELUDE = """
import sys
sys.path[:0] = sys.argv[2].split(":")
import asyncio, json, time
import holdfast
node = holdfast.Node(sys.argv[1])
@node.on_event
def heard(name, fields):
    if name == "state":
        print("state", fields["new"])
    elif name == "err":
        print("err", fields["code"], fields["msg"])
    elif name == "ack":
        print("ack", fields["i"])
    elif name == "boot":
        pass
    elif name not in ("sent", "link"):
        print(name, json.dumps(fields))
"""


class Program:
    """MicroPython with the firmware and `source` behind the prelude; `interpreter` is a name of choices(). build: "written" for a
    source that reaches into the package's modules, whose names the one that is deployed shortens."""

    def __init__(self, folder, source, config, interpreter="micropython", heap_kb=None, build="firmware"):
        found = getattr(choices(), interpreter)
        path = folder / "program.py"
        path.write_text(PRELUDE + source)
        config = {"wifi": [{"ssid": "x"}], "console": False, "watchdog_s": 0, "verbose": True, "metrics_s": 0, "spool_kb": 0, **config}
        (folder / "config.json").write_text(json.dumps(config))  # as an argument it would be too long for some interpreters
        heap = ["-X", "heapsize=%dk" % heap_kb] if heap_kb else []
        self._process = subprocess.Popen([*found.command, *heap, str(path), "config.json", ":".join(map(str, (PLAIN, package(build), choices().umqtt)))],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=folder)
        self._lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self):
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait(self, *beginnings, limit_s=LIMIT_S):
        """The next line that begins with one of these; all lines before it are in `seen`."""
        until = time.monotonic() + limit_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError("no line %s within %d s; seen: %s" % (" or ".join(beginnings), limit_s, self.seen[-20:])) from None
            if line is None:
                raise AssertionError("the program has ended; seen: %s" % self.seen[-20:])
            self.seen.append(line)
            if line.startswith(beginnings):
                return line

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()
