"""One deployment: quiet the board, see what it has, stage what differs beside it, check, commit, start.

Incremental: only changed files travel. Atomic: onboard.py tells how. May use: mpremote or ampy through via.py, pyserial through quiet.py. Knows
nothing of runs.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import BenchError
from . import bundle, onboard
from .quiet import make_quiet
from .via import VIA

OURS = (bundle.CONFIG_AT, bundle.RELEASE_AT, bundle.PACKAGE_AT, bundle.UMQTT_AT, onboard.STAGE)
MPY_VERSION = "6"  # of the bytecode that our mpy-cross makes: MicroPython 1.19 to at least 1.29
BLOCK = 4096       # of the board's file system


@dataclass(frozen=True)
class Deployed:
    sent: list  # paths on the board
    kept: int
    version: str  # of MicroPython


def deploy(port, name, config, firmware=None, baud=115200, say=lambda text: None, via="mpremote", as_source=False, more=None):
    """Brings the board at `port` to firmware + `config` (bytes of config.json; None: without one, for its first set-up) and starts it.

    The port has to be free; it is free again afterwards. `firmware`: another folder than firmware/. via: the tool underneath. as_source: .py
    instead of compiled .mpy. more: further files, path on the board → bytes. Raises BenchError; the board then still has its old firmware, or finishes the new one at its next start.
    """
    tool = VIA[via](port)
    say("stopping what runs on %s" % name)
    make_quiet(port, name, baud)
    say("looking at what it has")
    have, value = _look(tool, port, firmware)
    free, version = int(value["free"]), value["version"]
    # Bytecode goes by its version, not by MicroPython's; one that we cannot make travels as source.
    wanted = {**bundle.firmware_files(firmware, as_source or value["mpy"] != MPY_VERSION), **({bundle.CONFIG_AT: config} if config is not None else {}), **(more or {})}
    if value.get("has") != "umqtt":
        wanted[bundle.UMQTT_AT] = bundle.umqtt_file()
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}
    changed = sorted((path for path in wanted if have.get(path) != hashes[path]), key=_order)
    stale = [path for path in have if (path.startswith(bundle.PACKAGE_AT + "/") or path in (bundle.CONFIG_AT, bundle.RELEASE_AT)) and path not in wanted]
    leftovers = [path for path in have if path.startswith(onboard.STAGE + "/")]
    need = sum(-(-len(wanted[p]) // BLOCK) * BLOCK + BLOCK // 4 for p in changed)
    if need > free:
        raise BenchError("%s has %d KB free, but %d KB are needed while files are exchanged: remove files of yours, or erase it with `holdfast flash --erase`" % (
            name, free // 1024, need // 1024))
    say("sending %d of %d files" % (len(changed), len(wanted)))
    if not changed and not stale:
        tool.reset("start the board")
    else:
        first = ["/boot.py"] if value.get("boot") != "finishes" and "/main.py" in have and "/boot.py" in changed else []
        if first and len(changed) > 1:
            # What runs there cannot finish an interrupted commit: it learns to before anything else changes.
            _send(tool, {p: wanted[p] for p in first}, {p: hashes[p] for p in first}, [], leftovers)
            make_quiet(port, name, baud)
            leftovers = []
        rest = [p for p in changed if p not in first or len(changed) == 1]
        _send(tool, {p: wanted[p] for p in rest}, {p: hashes[p] for p in rest}, stale, leftovers)
    return Deployed(changed, len(wanted) - len(changed), version)


def _look(tool, port, firmware):
    scripts = sorted({p for p in bundle.firmware_files(firmware, as_source=True) if p.count("/") == 1})
    lines = [line.strip() for line in tool.run(onboard.look((*scripts, *OURS)), "look at the board").split("\n")]
    if "end" not in lines:
        raise BenchError("the board at %s answered oddly when asked for its files: %s" % (port, " ".join(lines)[-120:]))
    fields = [line.split(" ", 2) for line in lines]
    have = {f[2]: f[1] for f in fields if f[0] == "file" and len(f) == 3}
    value = {f[0]: f[1] for f in fields if len(f) == 2}
    return have, value


def _send(tool, files, hashes, stale, leftovers):
    """Stages, commits and restarts."""
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        stage = Path(folder) / onboard.STAGE.strip("/")
        stage.mkdir()
        staged = {onboard.STAGE + path: data for path, data in files.items()}
        staged[onboard.COMMIT_PART] = onboard.commit(files, stale).encode()
        for path, data in staged.items():
            target = Path(folder) / PurePosixPath(path).relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        said = tool.put(Path(folder), onboard.STAGE if leftovers else None, onboard.ready([(p, hashes[p]) for p in files], staged[onboard.COMMIT_PART]), "send the firmware")
    if "committed %d" % len(files) not in said:
        raise BenchError("the board did not confirm its new files: %s" % (said.strip().splitlines() or ["it said nothing"])[-1])


def _order(path):
    """Library first, then the configuration, and last what starts by itself."""
    return (0 if path.startswith("/lib/") else 1 if path.endswith(".json") else 2, path)
