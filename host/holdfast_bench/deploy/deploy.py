"""One deployment: quiet the board, see what it has, send what differs, check, rename into place, start.

May use: mpremote as a tool (two calls, each with its time limit), pyserial through quiet.py. Knows nothing of runs.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .. import tools
from ..errors import BenchError
from . import bundle
from .quiet import make_quiet

STAGE = "/next"
OURS = ("/boot.py", "/main.py", bundle.CONFIG_AT, bundle.PACKAGE_AT, bundle.UMQTT_AT, STAGE)
MPY_VERSION = "6"  # of the bytecode that our mpy-cross makes: MicroPython 1.19 to at least 1.29
LOOK_LIMIT_S = 40
SEND_LIMIT_S = 240

# Runs on the board: one line for each file of ours, then what else there is to know. Other files are none of our business.
_LOOK = """
import os,sys
from hashlib import sha256
from binascii import hexlify
def look(p):
    try:
        if os.stat(p)[0]&0x4000:
            for n in os.listdir(p):
                look(p+'/'+n)
            return
        h=sha256()
        f=open(p,'rb')
    except OSError:
        return
    b=f.read(512)
    while b:
        h.update(b)
        b=f.read(512)
    f.close()
    print('file',hexlify(h.digest()).decode(),p)
for p in %r:
    look(p)
try:
    import umqtt.simple
    print('has umqtt')
except ImportError:
    pass
s=os.statvfs('/')
print('free',s[0]*s[3])
print('version','.'.join(str(n) for n in sys.implementation.version[:3]))
print('mpy',getattr(sys.implementation,'_mpy',0)&255)
print('end')
"""

# Runs on the board: what was staged is checked, then renamed into place, the package's files before what imports them.
_COMMIT = """
import os
from hashlib import sha256
from binascii import hexlify
names=%r
for p,want in names:
    h=sha256()
    f=open(%r+p,'rb')
    b=f.read(512)
    while b:
        h.update(b)
        b=f.read(512)
    f.close()
    if hexlify(h.digest()).decode()!=want:
        raise ValueError('damaged on the way: '+p)
for p,want in names:
    d=''
    for part in p.split('/')[1:-1]:
        d+='/'+part
        try:
            os.mkdir(d)
        except OSError:
            pass
    os.rename(%r+p,p)
for p in %r:
    os.remove(p)
def gone(d):
    for e in os.ilistdir(d):
        q=d+'/'+e[0]
        if e[1]==0x4000:
            gone(q)
        else:
            os.remove(q)
    os.rmdir(d)
gone(%r)
print('committed',len(names))
"""


@dataclass(frozen=True)
class Deployed:
    sent: list  # paths on the board
    kept: int
    version: str  # of MicroPython


def deploy(port, name, config, firmware=None, baud=115200, say=lambda text: None):
    """Brings the board at `port` to firmware + `config` (bytes of config.json) and starts it.

    The port has to be free; it is free again afterwards. `firmware`: another folder than firmware/.
    Raises BenchError; the board then still has its old files, or, in the moment of renaming, a mixture that the
    next deployment repairs.
    """
    say("stopping what runs on %s" % name)
    make_quiet(port, name, baud)
    say("looking at what it has")
    have, value = _look(port)
    free, version = int(value["free"]), value["version"]
    # Bytecode goes by its version, not by MicroPython's; one that we cannot make travels as source.
    wanted = {**bundle.firmware_files(firmware, as_source=value["mpy"] != MPY_VERSION), bundle.CONFIG_AT: config}
    if value.get("has") != "umqtt":
        wanted[bundle.UMQTT_AT] = bundle.umqtt_file()
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}
    changed = [path for path in wanted if have.get(path) != hashes[path]]
    stale = [path for path in have if path.startswith(bundle.PACKAGE_AT + "/") and path not in wanted]
    need = sum(len(wanted[p]) + 4096 for p in changed)
    if need > free:
        raise BenchError("%s has %d KB free, but %d KB are needed while files are exchanged: erase it with `holdfast flash --erase`" % (
            name, free // 1024, need // 1024))
    leftovers = any(path.startswith(STAGE + "/") for path in have)
    say("sending %d of %d files" % (len(changed), len(wanted)))
    _send(port, {p: wanted[p] for p in changed}, {p: hashes[p] for p in changed}, stale, leftovers)
    return Deployed(changed, len(wanted) - len(changed), version)


def _mpremote(port, *args, limit_s, what):
    said = tools.run(tools.python_tool("mpremote", "connect", port, "resume", *args), limit_s, "mpremote (%s)" % what)
    if said.status:
        raise BenchError("mpremote could not %s: %s" % (what, said.last_line))
    return said.text


def _look(port):
    lines = _mpremote(port, "exec", _LOOK % (OURS,), limit_s=LOOK_LIMIT_S, what="look at the board").split("\n")
    lines = [line.strip() for line in lines]
    if "end" not in lines:
        raise BenchError("the board at %s answered oddly when asked for its files: %s" % (port, " ".join(lines)[-120:]))
    fields = [line.split(" ", 2) for line in lines]
    have = {f[2]: f[1] for f in fields if f[0] == "file" and len(f) == 3}
    value = {f[0]: f[1] for f in fields if len(f) == 2}
    return have, value


def _send(port, files, hashes, stale, leftovers):
    """Stages, commits and restarts in one session of mpremote. With nothing to send it only restarts."""
    if not files and not stale:
        _mpremote(port, "reset", limit_s=LOOK_LIMIT_S, what="start the board")
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        stage = Path(folder) / STAGE.strip("/")
        stage.mkdir()
        for path, data in files.items():
            target = stage / PurePosixPath(path).relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        commit = _COMMIT % ([(p, hashes[p]) for p in sorted(files, key=_order)], STAGE, STAGE, stale, STAGE)
        clean = ["fs", "rm", "-r", ":" + STAGE, "+"] if leftovers else []
        copy = ["fs", "cp", "-r", str(stage), ":/", "+"]
        said = _mpremote(port, *clean, *copy, "exec", commit, "+", "reset", limit_s=SEND_LIMIT_S, what="send the firmware")
    if "committed %d" % len(files) not in said:
        raise BenchError("the board did not confirm its new files: %s" % said.strip().splitlines()[-1:])


def _order(path):
    """Library first, then the configuration, and last what starts by itself."""
    return (0 if path.startswith("/lib/") else 1 if path.endswith(".json") else 2, path)
