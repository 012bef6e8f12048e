"""What the project's own machinery takes: the simulation's speed, twins."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .. import checkout
from ..sim import idle_plan, stock_spec
from ..sim.runner import interpreter, run
from ..twin import TwinHost
from .figures import Figure
from .outages import fault_mix

LIMIT_S = 300
SPEEDS = 5      # runs of each kind, of which the median counts
CROWD = 50      # virtual boards at one time


def measure(said=lambda text: None):
    figures = []
    for name, part in (("simulation", simulation), ("library", library), ("twin", twin), ("%d twins at once" % CROWD, crowd)):
        said(name)
        figures += part()
    return figures


def simulation():
    """By processor time: that is what a campaign, which has something to do for every core, gets out of one. The median of several, in turn: what else runs
    on the same processors makes a quarter's difference."""
    hour_ms = 3_600_000
    run(stock_spec(idle_plan(1000)))        # whatever has to be compiled first
    plans = idle_plan(4 * hour_ms), fault_mix(1, hour_ms)
    healthy, faults = (round(statistics.median(speeds)) for speeds in zip(*([_speed(plan) for plan in plans] for _ in range(SPEEDS))))
    how = "virtual seconds in a second of processor time, %d virtual hours, start included, median of %d, %d-bit interpreter"
    bits = interpreter().bits
    return [Figure("sim_speed_healthy", healthy, how % (4, SPEEDS, bits)),
            Figure("sim_speed_faults", faults, how % (1, SPEEDS, bits) + ", an outage of 10 to 60 s every two minutes")]


def _speed(plan):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = run(stock_spec(plan), limit_s=LIMIT_S)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return outcome.virtual_ms / 1000 / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _holdfast(*args):
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *args], capture_output=True, text=True, timeout=LIMIT_S)
    return time.monotonic() - began, done


TEN_MINUTES = """title = "Ten minutes with an outage"
deadline_s = 900
[config.app]
period_ms = 1000
[[step]]
at_s = 500
fault = "ap_gone"
for_s = 60
"""


def library():
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "ten_minutes.toml"
        scenario.write_text(TEN_MINUTES)
        took, done = _holdfast("run", str(scenario), "--board", "sim", "--seed", "1", "--quiet")
    figures = [Figure("run_10min_sim_s", round(took, 2) if done.returncode == 0 else None, "`holdfast run`, 10 virtual minutes with an outage")]
    took, done = _holdfast("run", str(checkout.SCENARIOS), "--board", "sim", "--seed", "1", "--quiet")
    scenarios = len(list(checkout.SCENARIOS.glob("*.toml")))
    how = "%d scenarios, one after the other" % scenarios
    if done.returncode == 2:
        how += "; it stopped: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return figures + [Figure("library_sim_s", round(took, 1) if done.returncode != 2 else None, how)]


def twin(count=5):
    starts, sizes = [], []
    boots = []

    def heard(src, ev, **fields):
        if ev == "boot":
            boots.append(time.monotonic())

    with TwinHost(heard) as host:
        for n in range(count):
            board = host.add_board("p%d" % n)
            began = time.monotonic()
            board.power_on()
            board.wait_running()
            starts.append((boots[-1] - began) * 1000 if boots else None)
        for pid in _children():
            sizes.append(_resident_mb(pid))
    known = [s for s in starts if s is not None]
    return [Figure("twin_start_ms", round(statistics.median(known)) if len(known) == count else None, "power-on to boot.py, median of %d" % count),
            Figure("twin_memory_mb", round(max(sizes), 1) if sizes else None, "resident memory of a twin's process, no firmware on it, largest of %d" % count)]


def crowd(count=CROWD):
    """Virtual boards switched on together: until the last one runs, and what each takes, its share of this process included. Pages that
    they have in common count once."""
    before_mb = _share_mb(os.getpid())
    with TwinHost(lambda src, ev, **fields: None) as host:
        boards = [host.add_board("c%d" % n) for n in range(count)]
        began = time.monotonic()
        for board in boards:
            board.power_on()
        for board in boards:
            board.wait_running(LIMIT_S)
        took = time.monotonic() - began
        pids = _children()
        each_mb = [_share_mb(pid) for pid in pids]
        own_mb = _share_mb(os.getpid()) - before_mb
    whole = len(pids) >= count and all(each_mb)
    how = "%d switched on together" % count
    return [Figure("twins_start_s", round(took, 1), how + ", until the last one runs MicroPython, %d cores" % os.cpu_count()),
            Figure("twins_memory_mb", round((sum(each_mb) + own_mb) / count, 1) if whole else None, how + ": their processes and what they add to the bench's own, each (PSS)")]


def _children():
    path = Path("/proc/self/task")
    found = []
    for task in path.iterdir() if path.exists() else ():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def _resident_mb(pid):
    return _kb("/proc/%d/status" % pid, "VmRSS:") / 1024


def _share_mb(pid):
    return _kb("/proc/%d/smaps_rollup" % pid, "Pss:") / 1024


def _kb(path, field):
    """A field of one of the system's tables; 0 where there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
