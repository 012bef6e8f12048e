"""The pytest plugin, as a user of another project meets it: their folder, their application, their tests; and what a failure says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from broken_firmware import broken_firmware

from holdfast_bench import checkout

GARDEN = checkout.ROOT / "examples" / "garden"


def pytest_in(folder, *args):
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args], cwd=folder, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"})


@pytest.fixture
def garden(tmp_path):
    return Path(shutil.copytree(GARDEN, tmp_path / "garden"))


@pytest.fixture
def tests_of(tmp_path):
    """Writes a test file into an empty project; returns its folder."""
    def write(text):
        (tmp_path / "test_it.py").write_text(text)
        return tmp_path
    return write


def test_tests_of_another_project_pass_on_sim():
    done = pytest_in(GARDEN, "-q")
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout


def test_they_run_in_several_processes(garden):
    done = pytest_in(garden, "-q", "-n", "2")
    assert done.returncode == 0 and "8 passed" in done.stdout, done.stdout


@pytest.mark.soak
def test_the_same_tests_pass_on_twins(garden):
    done = pytest_in(garden, "-q", "-n", "4", "--board", "sim", "--board", "twin")
    assert done.returncode == 0 and "16 passed" in done.stdout, done.stdout


STOCK = """
import pytest

@pytest.mark.holdfast(config={"app": {"period_ms": 500}})
def test_outage(board, wifi, ledger):
    wifi.away(for_s=15)
    board.wait_online()
    assert ledger.accepted > 20 and not ledger.settle().lost_ids
"""


def test_a_test_runs_on_every_board_given(tests_of):
    done = pytest_in(tests_of(STOCK), "-v", "--board", "sim", "--board", "twin", "--collect-only")
    assert "test_outage[sim]" in done.stdout and "test_outage[twin]" in done.stdout


def test_a_firmware_that_forgets_fails_the_test_and_page_and_text_name_the_same_moment(tests_of, tmp_path):
    folder = tests_of(STOCK.replace(" and not ledger.settle().lost_ids", ""))
    done = pytest_in(folder, "--holdfast-firmware", str(broken_firmware(tmp_path, "no_replay")))
    assert done.returncode == 1 and "1 failed" in done.stdout
    assert "the run is bad:" in done.stdout
    message, moment = re.search(r"never arrived: ([0-9a-f]+:\d+) .*?\((\d+\.\d) s\)\n", done.stdout, re.S).groups()
    page = re.search(r"page of the run -+\n(\S+)", done.stdout).group(1)
    html = (folder / page).read_text()
    assert message in html and "show %s s" % moment in html
    assert "fault ap_gone" in done.stdout  # the history of the run, beside pytest's own output
    assert "at that moment: " in done.stdout


def test_an_expectation_that_is_missed_says_what_was_seen_instead(tests_of):
    done = pytest_in(tests_of("""
def test_it(board):
    board.expect("it goes to Mars", ev="launch", within_s=3)
"""))
    assert done.returncode == 1
    assert "not seen within 3 s: it goes to Mars (b1)" in done.stdout
    assert "dialing → online" in done.stdout and "page of the run" in done.stdout


CANNOT = [
    ("@pytest.mark.places('hil')\ndef test_it(board): pass", "runs on hil only"),
    ("@pytest.mark.needs('nonsense')\ndef test_it(board): pass", "there is no fault 'nonsense'"),
    ("@pytest.mark.holdfast(bords=2)\ndef test_it(board): pass", "mark holdfast has no 'bords'; possible: boards"),
    ("def test_it(bench): bench.fault('unsense')", "there is no fault 'unsense'; `holdfast faults` lists them"),
    ("@pytest.mark.holdfast(app='nowhere.py')\ndef test_it(board): pass", "nowhere.py is no application"),
    ("@pytest.mark.holdfast(config={'envelope': 'xml'}, ready_s=20)\ndef test_it(board): pass", "no message of b1 at the broker side within 20 s"),
]


def test_what_cannot_be_is_told_clearly(tmp_path):
    for index, (body, _) in enumerate(CANNOT):
        (tmp_path / ("test_%d.py" % index)).write_text("import pytest\n\n" + body + "\n")
    done = pytest_in(tmp_path, "-rs", "-q")
    assert [said for _, said in CANNOT if said not in done.stdout] == [], done.stdout
    assert "1 failed, 1 skipped, 4 errors" in done.stdout


def test_a_test_may_judge_by_itself(tests_of):
    done = pytest_in(tests_of("""
import pytest

@pytest.mark.holdfast(verdict=None)
def test_a_power_cut_costs_what_lay_in_memory_without_power(board, wifi, power, ledger, bench):
    with wifi.away():
        bench.wait(10)
        power.cut(for_s=2)
    result = ledger.settle()
    assert result.verdict == "good" and result.numbers["beyond_promise"] > 3
"""), "-q")
    assert "1 passed" in done.stdout, done.stdout


def test_a_board_that_does_not_exist(tests_of):
    done = pytest_in(tests_of("def test_it(board): pass\n"), "--board", "esp33")
    assert "there is no board 'esp33'" in done.stdout and "Traceback" not in done.stdout
