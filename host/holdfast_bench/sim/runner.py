"""Starts simulated runs and reads their histories. The host's half of the simulation.

run(spec) starts one MicroPython process in a folder of its own; everything in that process happens in virtual time, so it
needs neither the network nor the clock of this machine. Same spec, same sources, same interpreter: same history, byte for byte.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..choices import BUILD, choices
from ..errors import BenchError, TimedOut
from ..mpy import compiled

HEAP_KB = 120           # what the firmware has on an ESP32 that is joined to a network (field guide of facts, section 12)
REAL_LIMIT_S = 300
PATIENCE_S = 5          # for the last words of an interpreter that was interrupted
SPINS = 3               # exit status of inside/main.py


class SimulationError(BenchError):
    """The simulation did not come to its end; the text says where it stood."""


@dataclass
class Spec:
    """What is simulated. Only JSON values.

    plan: as scenario/plan.py compiles it, or `idle_plan(...)`; config: the whole config.json of the board;
    firmware: the folder that becomes the chip's file system (its config.json is replaced);
    wifi: {"ssid", "key", "channel", "rssi"}; brokers: [{"ip", "port", "name", "user", "password"}];
    world: further fields for inside/rig.py: ticks_start_ms, drift_ppm, delay_ms.
    """

    plan: dict
    config: dict
    firmware: Path
    wifi: dict
    brokers: list
    seed: int = 0
    board: str = "b1"
    world: dict | None = None
    heap_kb: int = HEAP_KB


@dataclass
class Outcome:
    """A finished run: where its history lies, and what it took."""

    history: Path
    real_s: float
    virtual_ms: int
    kernel_events: int

    def events(self):
        """The history as a list of dicts, without the last line that only counts."""
        with open(self.history, encoding="utf-8") as f:
            return [event for event in map(json.loads, f) if event["src"] != "sim"]

    @property
    def speed(self):
        """Virtual time over real time."""
        return self.virtual_ms / 1000 / self.real_s


def idle_plan(run_ms, seed=0, board="b1", drain_ms=30_000):
    """A plan without trouble: run, then drain."""
    return {"scenario": "idle", "seed": seed, "boards": [board], "config": {}, "actions": [], "run_ms": run_ms,
            "deadline_ms": run_ms + drain_ms + 60_000, "drain_ms": drain_ms}


def run(spec, folder=None, limit_s=REAL_LIMIT_S):
    """Carry out one run. folder: where spec.json, flash/ and history.jsonl are left, else they are temporary and only the history
    stays, in memory of the caller's choosing. limit_s: real time. Raises SimulationError, TimedOut."""
    with contextlib.ExitStack() as stack:
        work = Path(folder) if folder else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-sim-")))
        work.mkdir(parents=True, exist_ok=True)
        _prepare(spec, work)
        began = time.monotonic()
        _interpret(spec, work, limit_s)
        return _outcome(work, time.monotonic() - began)


def _prepare(spec, work):
    """The folder of the run. Everything in it has the same name in every run: names are on the heap, too."""
    flash = work / "flash"
    shutil.rmtree(flash, ignore_errors=True)
    shutil.copytree(spec.firmware, flash, ignore=shutil.ignore_patterns("__pycache__", ".sources"))
    (flash / "config.json").write_text(json.dumps(spec.config))
    _link(work / "lib", _library())
    _link(work / "frozen", choices().umqtt)
    (work / "spec.json").write_text(json.dumps({
        "plan": spec.plan, "seed": spec.seed, "board": spec.board, "wifi": spec.wifi, "brokers": spec.brokers,
        "flash": "flash", "frozen": "frozen", **(spec.world or {})}))
    (work / "history.jsonl").unlink(missing_ok=True)


def _link(path, target):
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _library():
    """The compiled bench side, made once per content of its sources."""
    here = Path(__file__).resolve().parents[1]
    return compiled({"holdfast_bench/world": here / "world", "holdfast_bench/chip": here / "chip",
                     "holdfast_bench/sim/inside": here / "sim" / "inside"}, "sim")


def interpreter():
    """The MicroPython that simulates: the one with the ESP32's words, where there is one."""
    return choices().twin


def _command(micropython, heap_kb):
    return [*micropython.command, "-X", "heapsize=%dk" % heap_kb, "-m", "holdfast_bench.sim.inside.main"]


def _start(command, work):
    # An environment of its own: what lies on the interpreter's stack is the same in every run.
    return subprocess.Popen(command, cwd=work, env={"MICROPYPATH": "lib:.frozen"}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def _interpret(spec, work, limit_s):
    micropython = interpreter()
    budget_kb = spec.heap_kb * micropython.bits // 32
    process = _start(_command(micropython, budget_kb + _share_kb(micropython, work)), work)
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            output, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        raise TimedOut("the simulation to end (%s)" % _where(work, output), limit_s * 1000, _last(work)) from None
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode:
        raise SimulationError("the simulation's interpreter ended with status %d: %s; last event: %s"
                              % (process.returncode, _last_line(output), _last(work)))


def _share_kb(micropython, work):
    """What the world and the fakes take of the heap, measured once per build of them: the firmware's budget comes on top."""
    marker = hashlib.sha256(repr((micropython, os.readlink(work / "lib"))).encode()).hexdigest()[:16]
    kept = BUILD / "sim" / ("share-" + marker)
    if not kept.exists():
        probe = work / "probe"
        probe.mkdir(exist_ok=True)
        for name in ("lib", "frozen"):
            _link(probe / name, os.readlink(work / name))
        spec = json.loads((work / "spec.json").read_text())
        spec["plan"] = idle_plan(1000)
        (probe / "spec.json").write_text(json.dumps({**spec, "measure": True}))
        process = _start(_command(micropython, 4096), probe)
        output, _ = process.communicate(timeout=60)
        if process.returncode:
            raise SimulationError("the simulation does not start: %s" % _last_line(output))
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".%d" % os.getpid())
        partial.write_text(output.decode().strip())
        partial.replace(kept)
        shutil.rmtree(probe)
    return int(kept.read_text()) // 1024 + WORLD_WORKING_KB * micropython.bits // 32


WORLD_WORKING_KB = 64   # what the world needs beside what it is: frames under way, the broker's queues, lines of history


def _outcome(work, real_s):
    history = work / "history.jsonl"
    last = _last_event(history)
    if not last or last.get("src") != "sim" or last.get("ev") != "end":
        raise SimulationError("the simulation ended without a last word; last event: %s" % last)
    return Outcome(history, real_s, last["virtual_ms"], last["events"])


def _last_event(path):
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.path.getsize(path) - 20_000))
            lines = f.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        with contextlib.suppress(ValueError):
            return json.loads(line)
    return None


def _last(work):
    event = _last_event(work / "history.jsonl")
    return "nothing" if event is None else json.dumps(event)[:300]


def _where(work, output):
    """Where the firmware computes without end, when it could be asked."""
    event = _last_event(work / "history.jsonl")
    if event and event.get("ev") == "spins":
        lines = event["where"].strip().splitlines()
        return "the firmware computes without end: %s" % " ".join(line.strip() for line in lines[-3:])
    return _last_line(output)


def _last_line(output):
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no message"
