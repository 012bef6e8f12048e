"""Firmware and examples against the stubs of MicroPython's ESP32 port: what they import and call is there, under that name."""

import os
import re
import subprocess
import sys

import pytest

from holdfast_bench import checkout
from holdfast_bench.choices import BUILD

MYPY, STUBS = BUILD / "mypy", BUILD / "stubs"
pytestmark = pytest.mark.skipif(not (MYPY.exists() and STUBS.exists()), reason="mypy or the stubs could not be fetched (make setup-tests)")

# Code without annotations has optional parts and fields that come later: what mypy infers about those is no statement about the chip.
OWN = sorted({name for p in (checkout.FIRMWARE / "holdfast").glob("*.py") for name in re.findall(r"^class (\w+)", p.read_text(), re.M)})
ASKED = ("attr-defined", "name-defined", "import-not-found", "call-arg", "syntax")
# What the port has and the stubs have not, or see otherwise.
KNOWN = [
    r'Module "asyncio" has no attribute "(core|wait_for_ms)"',
    r'Argument 3 to "publish" of "MQTTClient" has incompatible type "int"',  # umqtt shifts it: 0 or 1
    r'Too many arguments for "unpack"',  # Target.unpack(*fields, …): how many those are, it cannot know
    r'"(%s)" has no attribute' % "|".join(OWN),  # fields of our own objects may come later
]
SCRIPTS = ["firmware/boot.py", "firmware/main.py", *sorted(str(p.relative_to(checkout.ROOT)) for p in (checkout.ROOT / "examples").glob("*/*.py"))]


def findings(tmp_path, *paths):
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\ncustom_typeshed_dir = %s\nmypy_path = %s:%s\npython_version = 3.11\ncheck_untyped_defs = True\n"
                      % (STUBS, STUBS, checkout.FIRMWARE))
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", str(config), "--no-site-packages", "--no-error-summary",
                           "--cache-dir", str(tmp_path / "cache"), *paths], cwd=checkout.ROOT, capture_output=True, text=True, timeout=110,
                          env={**os.environ, "PYTHONPATH": str(MYPY)})
    assert done.returncode in (0, 1), done.stdout + done.stderr
    ours = [line for line in done.stdout.splitlines() if ": error:" in line and not line.startswith(("build/", str(BUILD), ".."))]
    return [line for line in ours if line.endswith(tuple("[%s]" % code for code in ASKED)) and not any(re.search(known, line) for known in KNOWN)]


def test_package_and_its_scripts(tmp_path):
    assert findings(tmp_path, "firmware/holdfast", "firmware/boot.py", "firmware/main.py") == []


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("script", SCRIPTS[2:])
def test_examples(warm, script):
    assert findings(warm, script) == []


def test_a_call_that_the_chip_does_not_have_is_found(tmp_path):
    (tmp_path / "main.py").write_text("import machine\nimport network\n\nmachine.RTC().memori(b'')\nnetwork.WLAN(network.STA_IF).config(\n    pm=0)\nmachine.reset(1)\n")
    said = "\n".join(findings(tmp_path, str(tmp_path / "main.py")))
    assert '"RTC" has no attribute "memori"' in said and ":7: error:" in said and ":5:" not in said
