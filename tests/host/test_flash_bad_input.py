"""R49: what goes wrong with `holdfast flash` is one clear line and exit status 2, and nothing was done to the board: the whole command, as a user types it."""

import os
import pty
import select
import subprocess
import sys
import tty

import pytest
import serial
from test_flash import an_image

LIMIT_S = 60

# Seen by Python before anything else of a program that is started with this folder on its path.
WITHOUT_ESPTOOL = """
import importlib.metadata as m, sys
real = m.version
def version(name):
    if name == "esptool":
        raise m.PackageNotFoundError(name)
    return real(name)
m.version = version
sys.modules["esptool"] = None
"""
IMPATIENT = """
import sys
if "holdfast_bench.cli" in sys.orig_argv:
    import holdfast_bench.flash
    holdfast_bench.flash.LIMIT_S = 8
"""


@pytest.fixture
def port():
    """(path of a serial port, fn → whether anybody has written to it)."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave), lambda: bool(select.select([master], [], [], 0)[0])
    os.close(slave)
    os.close(master)


def flash(port, image, tmp_path, board="esp32-devkitc", site=None, esptool=None):
    """What the command said: one line. site: a sitecustomize; esptool: another tool of this name."""
    env = dict(os.environ, NO_COLOR="1", COLUMNS="400")
    if site:
        (tmp_path / "sitecustomize.py").write_text(site)
    if esptool:
        (tmp_path / "esptool").mkdir()
        (tmp_path / "esptool" / "__init__.py").write_text("")
        (tmp_path / "esptool" / "__main__.py").write_text(esptool)
    if site or esptool:
        env["PYTHONPATH"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", "flash", "--board", board, "--port", port, "--image", str(image)], env=env,
                          capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2 and "Traceback" not in done.stderr + done.stdout, done.stderr
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, done.stderr
    return said[0]


@pytest.mark.parametrize("data, words", [
    (an_image(chip=5), "is for esp32c3, but this board has esp32: take ESP32_GENERIC-"),
    (b"\xff" * 0x1000 + an_image(), "for offset 0x1000"),
    (an_image()[:-300], "is truncated"),
    (b"<html>not found</html>", "looks like a web page"),
], ids=["wrong chip", "wrong offset", "truncated", "web page"])
def test_a_wrong_image_never_reaches_the_board(port, tmp_path, data, words):
    image = tmp_path / "image.bin"
    image.write_bytes(data)
    assert words in flash(port[0], image, tmp_path) and not port[1]()


def test_an_image_that_is_not_there_says_where_to_get_it(port, tmp_path):
    assert "micropython.org" in flash(port[0], tmp_path / "none.bin", tmp_path) and not port[1]()


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(an_image())
    return path


def test_a_board_that_is_in_no_file_is_told_with_those_that_are(port, image, tmp_path):
    assert "esp32-devkitc" in flash(port[0], image, tmp_path, board="esp33")


def test_a_tool_that_is_missing_says_how_to_get_it(port, image, tmp_path):
    told = flash(port[0], image, tmp_path, site=WITHOUT_ESPTOOL)
    assert "esptool" in told and "make setup" in told and not port[1]()


def test_a_tool_that_hangs_is_ended_and_its_last_words_are_told(port, image, tmp_path):
    told = flash(port[0], image, tmp_path, site=IMPATIENT, esptool="import time\nprint('Connecting....', flush=True)\ntime.sleep(600)\n")
    assert "did not end within 8 s" in told and "Connecting" in told


def test_a_port_that_is_not_there_is_told_by_its_name(image, tmp_path):
    assert "/dev/ttyNOPE99" in flash("/dev/ttyNOPE99", image, tmp_path)


def test_a_port_in_use_is_told_and_left_alone(port, image, tmp_path):
    with serial.Serial(port[0], exclusive=True):
        assert "in use" in flash(port[0], image, tmp_path)
    assert not port[1]()


def test_a_port_without_rights_says_which_group_has_them(port, image, tmp_path):
    """As esptool says it: a superuser, as on many machines that run tests, has rights everywhere."""
    told = flash(port[0], image, tmp_path, esptool="import sys\nsys.exit(\"A fatal error occurred: could not open port %s: [Errno 13] Permission denied\" % sys.argv[4])\n")
    assert "group" in told and port[0] in told
