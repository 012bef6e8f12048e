"""A trial of the monitor under load: broker, monitor and simulated nodes on this machine, each a process of its own; then the count.

What counts is the database: of every node it must hold exactly the numbers that the broker has acknowledged to it.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from ..drivers.broker_mosquitto import Mosquitto, find_mosquitto
from ..errors import BenchError
from .load import Load
from .store import open_store

START_LIMIT_S = 90
DRAIN_LIMIT_S = 120
CONF = ("max_queued_messages 0", "max_inflight_messages 0")     # docs/monitor.md says why


def run(count, rate, seconds, tell, database=None):
    """Returns the figures as a dict. Raises BenchError when it cannot be tried here."""
    if not find_mosquitto():
        raise BenchError("this needs mosquitto: install it, or give the --broker to use")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-load-")))
        broker = stack.enter_context(Mosquitto(extra=CONF))
        database = database or str(folder / "load.db")
        monitor = MonitorProcess(folder, ["--broker", "%s:%d" % (broker.host, broker.port), "--database", database])
        stack.callback(monitor.end)
        monitor.wait_ready()
        load = Load((broker.host, broker.port), count, rate, seconds, tell=tell)
        return asyncio.run(_measured(load, monitor, database, tell))


async def _measured(load, monitor, database, tell):
    try:
        worst = {"lag_s": 0.0, "rss_mb": 0.0}
        watcher = asyncio.create_task(_watch(monitor, worst, load))
        cpu = monitor.cpu_s()
        await load.run()
        began = time.monotonic()
        while (await asyncio.to_thread(monitor.summary))["stored"] < load.acked and time.monotonic() - began < DRAIN_LIMIT_S:
            await asyncio.sleep(0.2)
        drained_s = time.monotonic() - began
        cpu = monitor.cpu_s() - cpu
        watcher.cancel()
        summary = await asyncio.to_thread(monitor.summary)
    finally:
        await load.close()
    tell("counting")
    store = open_store(database).reader()
    held = dict((device, (n, top, arrivals)) for device, n, top, arrivals in store.query(
        "select device, count(*), max(seq), sum(arrivals) from message where epoch = ? group by device", (load.epoch,)))
    store.close()
    wrong = [n.device for n in load.nodes if n.seq and held.get(n.device, (0, 0, 0))[:2] != (n.seq, n.seq)]
    return {"nodes": len(load.nodes), "seconds": round(load.took_s, 1), "sent": load.sent, "acknowledged": load.acked, "rate_per_s": round(load.acked / load.took_s),
            "stored": sum(n for n, _, _ in held.values()), "nodes_incomplete": len(wrong), "arrivals": sum(a for _, _, a in held.values()),
            "lag_s_max": round(worst["lag_s"], 2), "drained_s": round(drained_s, 2), "monitor_cpu_s": round(cpu, 1), "monitor_cpu_share": round(cpu / load.took_s, 2),
            "monitor_rss_mb": round(worst["rss_mb"]), "held_back": load.held_back, "pings": load.pings, "false_alarms": summary["alarms"]}


async def _watch(monitor, worst, load):
    while True:
        summary = await asyncio.to_thread(monitor.summary)
        load.note = "stored %d" % summary["stored"]
        worst["lag_s"] = max(worst["lag_s"], summary["lag_s"])
        worst["rss_mb"] = max(worst["rss_mb"], monitor.rss_mb())
        await asyncio.sleep(1)


class MonitorProcess:
    """`holdfast monitor` as a process of its own, with a page on a free port."""

    def __init__(self, folder, arguments, name="monitor-on-trial"):
        self._folder, self._arguments, self._name = Path(folder), arguments, name
        self._process = None
        self._log = self._folder / (name + ".log")
        self.token = "trial-%s" % os.urandom(16).hex()
        self.url = None
        self.start()

    def start(self):
        mark = self._log.stat().st_size if self._log.exists() else 0
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "holdfast_bench.cli", "monitor", "--name", self._name, "--listen", "127.0.0.1:0", *self._arguments],
                stdout=log, stderr=log, cwd=self._folder, env={**os.environ, "HOLDFAST_MONITOR_TOKEN": self.token})
        self._mark = mark
        return self

    @property
    def pid(self):
        return self._process.pid

    def wait_ready(self, limit_s=START_LIMIT_S):
        """Until it collects. Raises BenchError with the last line of its log."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                if self._find_url() and urllib.request.urlopen(self.url + "readyz", timeout=2).status == 200:
                    return self
            time.sleep(0.1)
        lines = self._log.read_text(errors="replace").strip().splitlines()
        raise BenchError("the monitor does not start: %s" % (lines[-1] if lines else "no message"))

    def _find_url(self):
        for line in self._log.read_bytes()[self._mark:].decode(errors="replace").splitlines():
            if '"url"' in line:
                self.url = json.loads(line)["url"]
        return self.url

    def summary(self):
        with urllib.request.urlopen(self.url + "api/summary", timeout=30) as answer:
            return json.load(answer)

    def cpu_s(self):
        fields = Path("/proc/%d/stat" % self.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        return int(Path("/proc/%d/statm" % self.pid).read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def kill(self):
        """As the kernel or a power cut does it."""
        self._process.kill()
        self._process.wait()

    def end(self, limit_s=20):
        """In good order. Returns the exit status."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode
