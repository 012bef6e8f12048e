"""The command line as a user meets it: statuses, one clear line for bad input, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from holdfast_bench.cli import COMMANDS, app_of


def holdfast(*args, cwd=None):
    return subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *args], capture_output=True, text=True, timeout=60, cwd=cwd,
                          env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"})


def test_help_of_a_command_has_an_example():
    done = holdfast("run", "--help")
    assert done.returncode == 0 and "Examples: holdfast run ap_outage --board twin" in done.stdout


def test_every_command_has_one():
    commands = typer.main.get_command(app_of()).commands
    assert set(commands) == set(COMMANDS)
    assert [name for name, c in commands.items() if "Example" not in (c.epilog or "") or "holdfast " + name not in c.epilog or not c.help] == []


@pytest.mark.parametrize("words, offered", [
    (["dr"], ["drill"]),
    (["run", "ap_o"], ["ap_outage"]),
    (["run", "ap_outage", "--board", "esp32-dev"], ["esp32-devkitc"]),
    (["drill", "smo"], ["smoke"]),
    (["faults", "half"], ["half_open"]),
])
def test_the_shell_completes_commands_and_names(words, offered):
    done = subprocess.run([str(Path(sys.executable).parent / "holdfast")], capture_output=True, text=True, timeout=60, env={
        **os.environ, "_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(["holdfast", *words]), "COMP_CWORD": str(len(words))})
    assert done.stdout.split() == offered, done.stderr


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
