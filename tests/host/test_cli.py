"""The command line as a user meets it: statuses, one clear line for bad input, no traceback."""

import json
import os
import subprocess
import sys

import pytest


def holdfast(*args, cwd=None):
    return subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *args], capture_output=True, text=True, timeout=60, cwd=cwd,
                          env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize("command", ["run", "scenarios", "boards", "doctor", "twin", "deploy", "flash", "perf"])
def test_every_command_has_help_with_an_example(command):
    done = holdfast(command, "--help")
    assert done.returncode == 0 and "Example" in done.stdout


@pytest.mark.parametrize("args, words", [
    (["run", "ap_outtage", "--board", "twin"], "did you mean 'ap_outage'"),
    (["run", "ap_outage", "--board", "esp33"], "there is no board 'esp33'"),
    (["run", "ap_outage", "--board", "esp32-devkitc", "--port", "/dev/nowhere"], "secrets.example.json"),
    (["run", "bad.toml", "--board", "twin"], "bad.toml:2: `deadline_s`"),
    (["run", "broken.toml", "--board", "twin"], "broken.toml:1: not valid TOML"),
    (["run", "ap_outage", "--board", "esp32-devkitc", "--port", "/dev/nowhere", "--secrets", "broken.json"], "broken.json:1: not valid JSON"),
    (["deploy", "--board", "twin"], "`holdfast twin`"),
    (["deploy", "--board", "sim"], "nothing to deploy"),
    (["flash", "--board", "esp32-devkitc", "--image", "none.bin"], "there is no image none.bin"),
    (["flash", "--board", "esp32-c3"], "which image?"),
    (["boards", "nix"], "there is no board 'nix'"),
    (["run", "ap_outage"], "Missing option '--board'"),
    (["scenarios", "--json", "nowhere/x.json"], "cannot write nowhere/x.json"),
])
def test_bad_input_is_one_clear_line_and_status_2(tmp_path, args, words):
    (tmp_path / "bad.toml").write_text('title = "x"\ndeadline_s = "soon"\n')
    (tmp_path / "broken.toml").write_text("title = \n")
    (tmp_path / "broken.json").write_text("{")
    done = holdfast(*args, cwd=tmp_path)
    assert done.returncode == 2, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if "Missing option" not in words:
        assert len(done.stderr.strip().splitlines()) == 1


def test_scenarios_and_boards_for_machines(tmp_path):
    done = holdfast("scenarios", "--json", "-")
    assert "ap_outage" in [s["name"] for s in json.loads(done.stdout)]
    done = holdfast("boards", "--json", str(tmp_path / "b.json"))
    assert "esp32-devkitc" in done.stdout
    assert "esp32-devkitc" in [b["name"] for b in json.loads((tmp_path / "b.json").read_text())["boards"]]


def test_doctor_finds_what_set_up_made():
    done = holdfast("doctor", "--json", "-")
    found = {c["topic"]: c for c in json.loads(done.stdout)}
    assert found["MicroPython"]["state"] == "ok" and found["broker"]["state"] == "ok"
