"""A firmware that is broken on purpose: the command, pytest, the JSON, JUnit and the page point at the same messages and the same moment. R44"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest
from broken_firmware import broken_firmware

BREAKS = [("no_replay", "lost"), ("no_memory", "lost")]

TEST = """
import pytest

@pytest.mark.holdfast(config={"app": {"period_ms": 500}}, seed=7)
def test_it(board, wifi, power, bench):
    bench.wait(4)
    with wifi.away():
        bench.wait(10)
        power.reset("task_wdt")
        bench.wait(15)
    board.wait_online()
"""
SCENARIO = """
title = "The same in a file"
seed = 7
deadline_s = 180

[config.app]
period_ms = 500

[[step]]
id = "away"
at_s = 5
fault = "ap_gone"
for_s = 25

[[step.step]]
at_s = 10
fault = "reset"
kind = "task_wdt"

[[expect]]
what = "the node is online again"
after = "away.end"
within_s = 45
event = { src = "board", ev = "state", new = "online" }
"""


@dataclass(frozen=True)
class Pointed:
    """What somebody who looks at one of them gets to know."""

    messages: tuple  # numbers of the first of them; lives are drawn anew in each run
    moment_s: float


def pointed(text):
    text = " ".join(text.split())
    found = re.search(r"accepted messages never arrived: (.*?) \((\d+\.\d) s\)", text)
    assert found, text
    return Pointed(tuple(int(n) for n in re.findall(r"\b[0-9a-f]+:(\d+) \(", found.group(1) + " (")), float(found.group(2)))


def run(folder, *args):
    return subprocess.run([sys.executable, "-m", *args], cwd=folder, capture_output=True, text=True, timeout=240, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "4000"})


@pytest.fixture(scope="module", params=BREAKS, ids=[name for name, _ in BREAKS])
def runs(request, tmp_path_factory):
    """(what the command said, what pytest said, folder) for one broken firmware."""
    folder = tmp_path_factory.mktemp(request.param[0])
    firmware = str(broken_firmware(folder, request.param[0]))
    (folder / "same.toml").write_text(SCENARIO)
    (folder / "test_same.py").write_text(TEST)
    command = run(folder, "holdfast_bench.cli", "run", "same.toml", "--board", "sim", "--firmware", firmware, "--json", "out.json", "--report", "pages")
    tested = run(folder, "pytest", "-q", "-p", "no:cacheprovider", "--board", "sim", "--holdfast-firmware", firmware, "--junitxml", "junit.xml", "test_same.py")
    return command, tested, folder


def test_both_fail(runs):
    command, tested, _ = runs
    assert command.returncode == 1 and tested.returncode == 1, command.stdout + tested.stdout


def test_command_and_pytest_point_at_the_same_messages_and_moment(runs):
    command, tested, _ = runs
    of_command, of_pytest = pointed(command.stdout), pointed(tested.stdout)
    assert of_command.messages and of_command.messages == of_pytest.messages
    assert abs(of_command.moment_s - of_pytest.moment_s) <= 0.2


def test_json_junit_and_pages_say_it_too(runs):
    command, tested, folder = runs
    said = pointed(command.stdout)
    document = json.loads((folder / "out.json").read_text())
    assert document["verdict"] == "bad" and document["lost"] == len(document["lost_ids"]) > 0
    assert [int(key.partition(":")[2]) for key in document["lost_ids"]][:len(said.messages)] == list(said.messages)
    finding = re.search(r"accepted messages never arrived: ([^;(]*)", " ".join(command.stdout.split())).group(1).strip()
    assert finding in (folder / "pages" / "junit.xml").read_text()
    assert "accepted messages never arrived" in (folder / "junit.xml").read_text()
    for text, page in ((command.stdout, re.search(r"page: (\S+)", command.stdout)), (tested.stdout, re.search(r"page of the run -+\n(\S+)", tested.stdout))):
        html = (folder / page.group(1)).read_text()
        one = pointed(text)
        assert "show %.1f s" % one.moment_s in html
        assert all(re.search(r"\b[0-9a-f]+:%d\b" % n, html) for n in one.messages)


def test_all_say_what_was_going_on_then(runs):
    command, tested, _ = runs
    words = [re.search(r"at that moment: ([^✗?\n]*)", text).group(1) for text in (command.stdout, tested.stdout)]
    assert all("ap_gone" in w or "away" in w for w in words), words
