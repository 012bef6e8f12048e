"""Set-up: makes a checkout ready to run the demo and the tests, and says in a few lines what it found and chose.

Needs only Python >= 3.10 and its venv module; no root, no board, no broker. Quick and silent when nothing has
changed. `--tests` also fetches what only tests want (a real mosquitto). What it chose is written to build/setup.json, the one place where the bench looks for interpreters.
May use: the standard library, and what it has itself installed into .venv. Everything it makes is in build/ and .venv/.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import broker
import fortests
import interpreters
import nftables
import umqtt
from setup_report import SetupError, say

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
CHOICES = BUILD / "setup.json"
REQUIREMENTS = ROOT / "tools" / "requirements.txt"
FOR_TESTS = ROOT / "tools" / "requirements-tests.txt"  # what only tests want, and only some of them
# A change to any of these asks for a new set-up.
INPUTS = [REQUIREMENTS, FOR_TESTS, ROOT / "pyproject.toml", *sorted((ROOT / "tools").glob("*.py"))]


def fingerprint():
    """Hash of everything the result depends on: inputs, this Python, the wanted interpreter, the checkout's place."""
    h = hashlib.sha256()
    for path in INPUTS:
        h.update(path.read_bytes())
    h.update(repr((sys.version_info[:2], os.environ.get("MICROPYTHON"), os.environ.get("PATH"), str(ROOT))).encode())
    return h.hexdigest()


def up_to_date(mark, for_tests):
    """True when the last set-up finished with the same fingerprint (and did the tests' part too, when that is wanted) and
    what it chose is still there."""
    try:
        chosen = json.loads(CHOICES.read_text())
    except (OSError, ValueError):
        return False
    if chosen.get("fingerprint") != mark or for_tests and not chosen.get("for_tests"):
        return False
    needed = [chosen["micropython"]["command"][0], chosen["umqtt"], str(VENV / "bin" / "python")]
    if chosen.get("micropython32"):
        needed.append(chosen["micropython32"]["command"][0])
    if chosen.get("mosquitto"):
        needed.append(chosen["mosquitto"])
    return all(Path(p).exists() for p in needed)


def make_venv():
    """The virtual environment with the pinned packages and the bench itself (editable, so a pull needs no set-up)."""
    python = VENV / "bin" / "python"
    stamp = VENV / "holdfast-requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + str(VENV).encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    try:
        if not python.exists():
            shutil.rmtree(VENV, ignore_errors=True)
            venv.create(VENV, with_pip=True)
    except (subprocess.CalledProcessError, OSError, ImportError) as e:
        raise SetupError("could not make a virtual environment (%s): install your system's python3-venv package" % e)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    say("packages", "installing %d pinned packages into .venv (once, about a minute)" % sum(
        1 for line in REQUIREMENTS.read_text().splitlines() if "==" in line))
    for args in (["-r", str(REQUIREMENTS)], ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]):
        done = subprocess.run(pip + args, capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
            raise SetupError("pip could not install the pinned packages: %s – is the package index reachable?" % (lines or ["?"])[-1])
    stamp.write_text(wanted)


def add_for_tests():
    """Packages of the tests alone. Without them those tests are skipped, and say so."""
    stamp = VENV / "holdfast-requirements-tests"
    wanted = hashlib.sha256(FOR_TESTS.read_bytes() + str(VENV).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("for tests", "installing %d more packages" % sum(1 for line in FOR_TESTS.read_text().splitlines() if "==" in line))
    done = subprocess.run([str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "-r", str(FOR_TESTS)],
                          capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:] or ["?"]
        say("for tests", "not available (%s): tests that need them will be skipped" % lines[-1][:200])
    else:
        stamp.write_text(wanted)


def set_up(for_tests):
    if sys.version_info < (3, 10):
        raise SetupError("Python %d.%d is too old: Holdfast's bench needs 3.10 or newer (make PYTHON=python3.11 …)" % sys.version_info[:2])
    BUILD.mkdir(exist_ok=True)
    mark = fingerprint()
    if up_to_date(mark, for_tests):
        return
    with open(BUILD / ".lock", "w") as lock:
        # Two makes in one checkout: the second waits, then finds everything done.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if up_to_date(mark, for_tests):
            return
        make_venv()
        if for_tests:
            add_for_tests()
            fortests.fetch(VENV / "bin" / "python", BUILD)
        chosen = {"fingerprint": mark}
        chosen["micropython"] = interpreters.main(VENV)
        chosen["micropython32"] = interpreters.word32(BUILD / "i386")
        chosen["umqtt"] = umqtt.fetch(VENV / "bin" / "python", BUILD / "umqtt")
        chosen["mosquitto"] = broker.find(BUILD / "mosquitto")
        say("broker", "mosquitto at %s" % chosen["mosquitto"] if chosen["mosquitto"] else
            "mosquitto is not installed: the built-in broker will be used")
        if for_tests and not chosen["mosquitto"]:
            chosen["mosquitto"] = broker.unpack(BUILD / "mosquitto")
        if for_tests:
            nftables.unpack(BUILD / "nftables")
        chosen["for_tests"] = for_tests
        partial = CHOICES.with_suffix(".tmp")
        partial.write_text(json.dumps(chosen, indent=1))
        partial.replace(CHOICES)


if __name__ == "__main__":
    try:
        set_up("--tests" in sys.argv[1:])
    except SetupError as e:
        sys.exit("set-up: %s" % e)
    except KeyboardInterrupt:
        sys.exit("set-up: interrupted; run it again, it goes on where it stopped")
