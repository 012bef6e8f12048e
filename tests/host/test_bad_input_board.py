"""R49: what goes wrong with `holdfast deploy` and `holdfast run` on a real board is one clear line and exit status 2, nothing half done: the whole command, as a user types it."""

import json
import os
import pty
import select
import subprocess
import sys
import threading
import tty

import pytest
import serial

LIMIT_S = 100
BOARD = "esp32-devkitc"
IMPATIENT = """
import holdfast_bench.deploy.via as via
via.LOOK_LIMIT_S = via.SEND_LIMIT_S = 6
"""
# Seen by Python before anything else of a program that is started with this folder on its path.
SITE = """
import sys
if "holdfast_bench.cli" in sys.orig_argv:
%s
"""
WITHOUT_MPREMOTE = "    import importlib.util as u\n    real = u.find_spec\n    u.find_spec = lambda name, *a: None if name == 'mpremote' else real(name, *a)"
NO_RIGHTS = "    import serial, errno, os\n    def denied(self): raise serial.SerialException(errno.EACCES, 'could not open port')\n    serial.Serial.open = denied"


class Prompt:
    """A port with a board that stands at an idle prompt: as much of one as is needed to be made quiet."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path, self.got = os.ttyname(self.slave), b""
        self._over = threading.Event()
        self.answers = True
        self.gone = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        raw = False
        while not self._over.is_set():
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self.master, 4096)
            except OSError:
                return
            self.got += data
            if not self.answers:
                continue
            for byte in data:
                if byte == 1:
                    raw = True
                    os.write(self.master, b"raw REPL; CTRL-B to exit\r\n>")
                elif byte == 2:
                    raw = False
                    os.write(self.master, b"\r\n>>> ")
                elif byte == 3:
                    os.write(self.master, b">" if raw else b"\r\n>>> ")
                elif byte == 4 and raw:
                    os.write(self.master, b"OKidle\r\n\x04\x04>")
                    if self.gone:
                        os.close(self.slave)
                        os.close(self.master)
                        self.master = self.slave = -1
                        return

    def close(self):
        self._over.set()
        self._thread.join(10)
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def port():
    made = Prompt()
    yield made
    made.close()


@pytest.fixture(params=["deploy", "run"])
def command(request, tmp_path):
    """fn(port, …) → the one line that the command said."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"wifi": [{"ssid": "x", "key": "12345678"}], "brokers": [{"host": "127.0.0.1", "port": 1}]}))
    words = ["deploy"] if request.param == "deploy" else ["run", "ap_outage"]

    def said(port, board=BOARD, site=None, tool=None, more=("--secrets", str(secrets))):
        env = dict(os.environ, NO_COLOR="1", COLUMNS="400", PYTHONPATH=str(tmp_path))
        if site:
            (tmp_path / "sitecustomize.py").write_text(SITE % site)
        if tool:
            (tmp_path / "mpremote").mkdir()
            (tmp_path / "mpremote" / "__init__.py").write_text("")
            (tmp_path / "mpremote" / "__main__.py").write_text(tool)
        ports = [word for one in ([port] if isinstance(port, str) else port) for word in ("--port", one)]
        done = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *words, "--board", board, *ports, *more], env=env, capture_output=True, text=True,
                              timeout=LIMIT_S)
        assert done.returncode == 2 and "Traceback" not in done.stderr + done.stdout, done.stderr
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        return lines[0]

    said.name = request.param
    return said


def test_a_port_that_is_not_there_is_told_by_its_name(command):
    assert "there is no port /dev/ttyNOPE99" in command("/dev/ttyNOPE99")


def test_a_board_that_is_in_no_file_is_told_with_those_that_are(command, port):
    told = command(port.path, board="esp32-devkit")
    assert "did you mean 'esp32-devkitc'" in told and not port.got


def test_a_port_in_use_is_told_and_left_alone(command, port):
    with serial.Serial(port.path, exclusive=True):
        assert "in use" in command(port.path)
    assert not port.got


def test_a_port_without_rights_says_which_group_has_them(command, port):
    """As pyserial says it: a superuser, as on many machines that run tests, has rights everywhere."""
    told = command(port.path, site=NO_RIGHTS)
    assert "no permission for port" in told and "dialout" in told and not port.got


def test_a_tool_that_is_missing_says_how_to_get_it(command, port):
    told = command(port.path, site=WITHOUT_MPREMOTE)
    assert "mpremote is not installed" in told and "make setup" in told and not port.got


def test_a_tool_that_hangs_is_ended_and_its_last_words_are_told(command, port):
    told = command(port.path, site="\n".join("    " + line for line in IMPATIENT.strip().splitlines()), tool="import time\nprint('waiting for the board', flush=True)\ntime.sleep(600)\n")
    assert "did not end within 6 s" in told and "waiting for the board" in told


def test_a_tool_that_fails_is_told_in_its_own_words(command, port):
    told = command(port.path, tool="import sys\nsys.exit('could not enter raw repl')\n")
    assert "mpremote could not look at the board" in told and "could not enter raw repl" in told


def test_a_board_that_says_nothing_is_told(command, port):
    port.answers = False
    assert "says nothing" in command(port.path)


def test_a_board_that_is_unplugged_on_the_way_is_told(command, port):
    port.gone = True
    told = command(port.path)
    assert port.path in told and ("went away" in told or "there is no port" in told or "mpremote could not" in told), told


def test_a_secrets_file_that_is_not_there_says_how_to_make_one(command, port, tmp_path):
    told = command(port.path, more=("--secrets", str(tmp_path / "none.json")))
    assert "secrets.example.json" in told and not port.got


def test_a_secrets_file_that_is_no_json_is_told_with_its_line(command, port, tmp_path):
    (tmp_path / "bad.json").write_text('{"wifi": [\n')
    assert "bad.json:2" in command(port.path, more=("--secrets", str(tmp_path / "bad.json"))) and not port.got


def run_three(ports, tmp_path, *more):
    env = dict(os.environ, NO_COLOR="1", COLUMNS="400")
    (tmp_path / "secrets.json").write_text(json.dumps({"wifi": [{"ssid": "x", "key": "12345678"}], "brokers": [{"host": "127.0.0.1", "port": 1}]}))
    words = [word for one in ports for word in ("--port", one)]
    done = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", "run", "standard_check", "--board", BOARD, *words, *more, "--secrets", str(tmp_path / "secrets.json")], env=env,
                          capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2 and "Traceback" not in done.stderr + done.stdout and len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize("ports, more, words", [
    (["/dev/a", "/dev/b"], [], "needs 3 boards (esp32-devkitc, esp32-devkitc, esp32-devkitc), and 2 ports were given"),
    (["/dev/a", "/dev/b", "/dev/a"], [], "--port /dev/a and --port /dev/a are the same board"),
    (["/dev/a", "/dev/b", "/dev/c", "/dev/d"], [], "4 ports were given, and 3 are wanted"),
    (["/dev/a"], ["--board", "esp32-c3"], "needs 3 boards at once, and 2 were named"),
    ([], [], "3 of esp32-devkitc are wanted and 0 plugged in"),
], ids=["too few ports", "the same port", "too many ports", "too few boards", "none plugged in"])
def test_several_boards_need_a_port_each(tmp_path, ports, more, words):
    assert words in run_three(ports, tmp_path, *more)


def test_two_names_of_one_port_are_found_out(tmp_path, port):
    link = tmp_path / "by-id"
    link.symlink_to(port.path)
    told = run_three([port.path, "/dev/b", str(link)], tmp_path)
    assert "are the same board (%s)" % port.path in told and not port.got


def test_a_wrong_board_file_is_told_by_file_and_field(command, port, tmp_path):
    (tmp_path / "mine.toml").write_text('title = "x"\nchip = "esp8266"\n')
    told = command(port.path, board="mine", site="    from pathlib import Path\n    from holdfast_bench import checkout\n    checkout.BOARDS = Path(%r)" % str(tmp_path))
    assert "mine.toml: `chip`" in told and not port.got
