"""Starts simulated runs and reads their histories. The host's half of the simulation.

run(spec) starts one MicroPython process in a folder of its own; everything in that process happens in virtual time, so it
needs neither the network nor the clock of this machine. Same spec, same sources, same interpreter: same history, byte for byte.
"""

import contextlib
import functools
import hashlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .. import mpy
from ..choices import BUILD, choices
from ..deploy import bundle
from ..errors import BenchError, TimedOut
from ..mpy import compiled, with_lines
from ..reduce import FILE as NAMES
from ..reduce import Names, Restorer
from ..safepoint import interrupt
from ..tracebacks import restored
from . import addresses

CUTS_FLASH = ("power_cut_mid_flash",)   # faults that need flash as it is, not a folder of this machine
FLASH_BYTES = 4 << 20
HEAP_KB = 120           # what the firmware has on an ESP32 that is joined to a network (field guide of facts, section 12)
REAL_LIMIT_S = 300
LOOK_MS = 100           # how often a silent interpreter is looked at
SPIN_S = 3.0            # processor time without a beat (ten virtual seconds), after which the firmware is taken to compute without end


class SimulationError(BenchError):
    """The simulation did not come to its end; the text says where it stood."""


@dataclass
class Spec:
    """What is simulated. Only JSON values.

    plan: as scenario/plan.py compiles it, or `idle_plan(...)`; config: the whole config.json of the board;
    firmware: firmware/ of a checkout (boot.py, main.py, holdfast/), or any folder that becomes the chip's file system as
    it is; config.json is added;
    wifi: {"ssid", "key", "channel", "rssi"}; brokers: [{"ip", "port", "name", "user", "password"}];
    main: another application than the firmware's main.py;
    world: further fields for inside/rig.py: ticks_start_ms, drift_ppm, delay_ms, loss, lease_s.
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
    main: Path | None = None
    bundles: dict | None = None     # id of an action that updates → bytes of its bundle


@dataclass
class Outcome:
    """A finished run: its history as JSON lines, and what it took."""

    history: bytes
    real_s: float
    virtual_ms: int
    kernel_events: int
    notes: str = ""     # where the firmware computed without end, when it did

    def events(self):
        """The history as a list of dicts, without the last line, which only counts."""
        return [event for event in map(_event, self.history.split(b"\n")[:-1]) if event["src"] != "sim"]

    @property
    def speed(self):
        """Virtual time over real time."""
        return self.virtual_ms / 1000 / self.real_s


def _event(line):
    """One line of a history. A record that the board garbled is a text, as on a real line."""
    text = line.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        head, _, rest = text.partition(',"src":"')
        return {"t": int(head[5:]), "src": rest.partition('"')[0], "ev": "text", "text": text}


def idle_plan(run_ms, seed=0, board="b1", drain_ms=30_000):
    """A plan without trouble: run, then drain."""
    return {"scenario": "idle", "seed": seed, "boards": [board], "config": {}, "actions": [], "run_ms": run_ms,
            "deadline_ms": run_ms + drain_ms + 60_000, "drain_ms": drain_ms}


def run(spec, folder=None, limit_s=REAL_LIMIT_S):
    """Carry out one run. folder: where spec.json, flash/ and history.jsonl are left; without one only the history is kept, in
    memory. limit_s: real time. Raises SimulationError, TimedOut."""
    with contextlib.ExitStack() as stack:
        work = Path(folder) if folder else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-sim-")))
        work.mkdir(parents=True, exist_ok=True)
        names = _prepare(spec, work)
        began = time.monotonic()
        said = _interpret(spec, work, limit_s)
        return _outcome(work, time.monotonic() - began, said, names)


def _prepare(spec, work):
    """The folder of the run. Everything in it has the same name in every run: names are on the heap, too. -> the Names of the firmware's build."""
    flash, source, names = work / "flash", Path(spec.firmware), Names({})
    shutil.rmtree(flash, ignore_errors=True)
    if (source / "holdfast").is_dir():
        names = _deploy(source, flash)
    else:
        shutil.copytree(source, flash, ignore=shutil.ignore_patterns("__pycache__"))
    if spec.main:
        shutil.copyfile(spec.main, flash / "main.py")
    world = dict(spec.world or {})
    if world.get("blank"):
        (flash / bundle.FACTORY_AT.strip("/")).write_bytes(bundle.blank(json.dumps(spec.config)))
    else:
        (flash / "config.json").write_text(json.dumps(spec.config))
    if any(action.get("fault") in CUTS_FLASH for action in spec.plan.get("actions", ())):
        world["littlefs"] = "flash.bin"
        (work / "flash.bin").write_bytes(b"\xff" * FLASH_BYTES)
    for name, data in (spec.bundles or {}).items():
        (work / ("bundle-" + name)).write_bytes(data)
    _link(work / "lib", _library())
    _link(work / "frozen", choices().umqtt)
    actions = spec.plan.get("actions", ())
    (work / "actions.jsonl").write_text("".join(json.dumps(action) + "\n" for action in actions))
    (work / "spec.json").write_text(json.dumps({
        "plan": {**spec.plan, "actions": len(actions)}, "seed": spec.seed, "board": spec.board, "wifi": spec.wifi, "brokers": spec.brokers,
        "flash": "flash", "frozen": "frozen", **world}))
    (work / "history.jsonl").unlink(missing_ok=True)
    return names


def _deploy(source, flash):
    """What holdfast deploy puts onto a board, with the package compiled: byte code is what a node in the field runs."""
    package, names = mpy.firmware(source / "holdfast")
    shutil.copytree(package, flash / "lib" / "holdfast", ignore=shutil.ignore_patterns(".sources", NAMES))
    for path in sorted(source.glob("*.py")):
        shutil.copyfile(path, flash / path.name)
    return names


def _link(path, target):
    path.unlink(missing_ok=True)
    path.symlink_to(target)


# What runs with every message is compiled to machine code, where the interpreter takes that: a sixth of a healthy run's time. Not all of it: each
# function is a page of memory and a call of the system at the start of a run. The firmware stays the byte code that a board gets.
# (No import inside a function of these: machine code that uses no other name of its module looks for it from the caller's.)
MACHINE_CODE = {"chip": ("_asyncio", "console", "sched", "select", "socket", "socket_stream", "time"),
                "world": ("air", "broker", "broker_link", "clock", "kernel", "rtcmem", "tcp", "tcp_chip", "tcp_host"),
                "sim/inside": ("console", "history", "tally")}


def _library():
    """The compiled bench side, made once per content of its sources."""
    here = Path(__file__).resolve().parents[1]
    machine = None if with_lines() else _machine(interpreter().command)
    return compiled({"holdfast_bench/" + part: here / part for part in ("world", "chip", "sim/inside")}, "sim", machine,
                    ["holdfast_bench/%s/%s.py" % (part, name) for part in MACHINE_CODE for name in MACHINE_CODE[part]])


@functools.lru_cache(maxsize=None)
def _machine(command):
    """The machine code that the interpreter takes, as mpy-cross names it; None: none that is known, or of another version."""
    done = subprocess.run([*command, "-c", "import sys; print(sys.implementation._mpy)"], capture_output=True, text=True)
    takes = int(done.stdout) if done.returncode == 0 and done.stdout.strip().isdigit() else 0
    return MACHINES.get(takes >> 10 & 15) if takes >> 8 & 3 == MPY_NATIVE else None


MACHINES = {1: "x86", 2: "x64"}     # as .mpy files number them
MPY_NATIVE = 3                      # version of machine code in .mpy files that our mpy-cross writes (6.3)


def interpreter():
    """The MicroPython that simulates: the one with the ESP32's words, where there is one."""
    return choices().twin


def _command(micropython, heap_kb):
    return [*micropython.command, "-X", "heapsize=%dk" % heap_kb, "-m", "holdfast_bench.sim.inside.main"]


def _start(command, work, stdin=subprocess.DEVNULL):
    # An environment of its own: what lies on the interpreter's stack is the same in every run.
    with addresses.fixed():
        return subprocess.Popen(command, cwd=work, env={"MICROPYPATH": "lib:.frozen"}, stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def _interpret(spec, work, limit_s):
    """Run the interpreter to its end; returns what it said beside its beats."""
    micropython = interpreter()
    budget_kb = spec.heap_kb * micropython.bits // 32
    process = _start(_command(micropython, budget_kb + _share_kb(micropython, work)), work)
    try:
        said, in_time = _listen(process, time.monotonic() + limit_s)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if not in_time:
        raise TimedOut("the simulation to end", limit_s * 1000, _last(work))
    if process.returncode:
        raise SimulationError("the simulation's interpreter ended with status %d: %s; last event: %s"
                              % (process.returncode, _last_line(said), _last(work)))
    return said


def _listen(process, until):
    """(what the process said, whether it ended in time). Every beat is ten virtual seconds; the processor time of a few seconds
    without one is far more than any healthy run needs: the firmware computes without end and is interrupted."""
    said, beat_at_s = b"", 0.0
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    while time.monotonic() < until:
        if poller.poll(LOOK_MS):
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                process.wait(max(0.1, until - time.monotonic()))
                return said, True
            said += data.replace(b".", b"") if not said else data
            beat_at_s = _processor_s(process)
        elif _processor_s(process) - beat_at_s > SPIN_S:
            interrupt(process.pid, interpreter().command)
            beat_at_s = _processor_s(process)
    return said, False


def _processor_s(process):
    """Processor time the process has used; where the system does not tell, the time of day serves."""
    try:
        fields = Path("/proc/%d/stat" % process.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.monotonic()


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
        (probe / "actions.jsonl").write_text("")
        process = _start(_command(micropython, 4096), probe)
        output, _ = process.communicate(timeout=60)
        if process.returncode:
            raise SimulationError("the simulation does not start: %s" % _last_line(output))
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".%d" % os.getpid())
        partial.write_text(output.decode().strip())
        partial.replace(kept)
        shutil.rmtree(probe)
    spec = json.loads((work / "spec.json").read_text())
    plan_kb = (PLAN_FACTOR * os.path.getsize(work / "spec.json") + ACTION_BYTES * spec["plan"]["actions"]) // 1024
    extras_kb = GATEWAY_KB if any("frames_port" in broker or "ws_port" in broker for broker in spec["brokers"]) else 0
    return int(kept.read_text()) // 1024 + (WORLD_WORKING_KB + extras_kb + plan_kb) * micropython.bits // 32


WORLD_WORKING_KB = 140  # what the world needs beside what it is: frames under way, connections that a hanging broker has not closed, queues
GATEWAY_KB = 48         # the code of a gateway or a WebSocket server, and what they remember
ACTION_BYTES = 128      # of heap for each action that waits (world/timeline.py), generously
PLAN_FACTOR = 3         # bytes of heap that a byte of the plan's JSON takes, generously: about 2 were seen


def _outcome(work, real_s, said, names):
    history = work / "history.jsonl"
    last = _last_event(history)
    if not last or last.get("src") != "sim" or last.get("ev") != "end":
        raise SimulationError("the simulation ended without a last word; last event: %s" % last)
    _restore(history, names)
    return Outcome(history.read_bytes(), real_s, last["virtual_ms"], last["events"], said.decode("utf-8", "replace").strip())


def _restore(history, names):
    """Tracebacks in the history, where there are any, with the names of the source."""
    data = history.read_bytes()
    if b'File \\"' not in data:
        return
    restorer, lines = Restorer(lambda: names), []
    for line in data.split(b"\n"):
        event = _event(line) if b'"ev":"text"' in line or b'File \\"' in line else None
        if event and event["ev"] != "text":
            line = json.dumps(restored(event, lambda: names), separators=(",", ":"), ensure_ascii=False).encode()
        elif event:
            line = json.dumps({**event, "text": restorer.line(event["text"])}, separators=(",", ":"), ensure_ascii=False).encode()
        lines.append(line)
    history.write_bytes(b"\n".join(lines))


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


def _last_line(output):
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no message"
