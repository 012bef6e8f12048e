"""The page: complete in itself, safe against what boards print, and really drawn by a browser (where one is installed)."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from synthetic import PLAN, main_job

from holdfast_bench.checks import judge
from holdfast_bench.errors import BenchError
from holdfast_bench.report import write_reports
from holdfast_bench.report.junit import junit
from holdfast_bench.report.model import view_model
from holdfast_bench.report.page import page

LOST = ("a1:70", "a1:71", "b2:5")


def result(lose=(), extra=()):
    return judge(sorted([*main_job(lose), *extra], key=lambda e: e["t"]), PLAN, "twin")


def embedded(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


def test_page_is_self_contained():
    text = page(result(), PLAN)
    assert not re.search(r'(src|href)\s*=|url\(|@import|fetch\(|XMLHttpRequest', text.replace("http://www.w3.org/2000/svg", ""))
    assert "✓ good" in text


def test_page_names_what_was_lost():
    text = page(result(LOST), PLAN)
    assert "✗ bad" in text and "a1:70" in text and 'data-at="14250"' in text


def test_text_of_a_board_cannot_break_out_of_the_page():
    evil = "</script><script>alert(1)</script><b>\u2028"
    text = page(result(extra=[{"t": 5, "src": "board/b1", "ev": "text", "text": evil}]), PLAN)
    assert "<script>alert" not in text
    assert [e["text"] for e in embedded(text)["log"] if e["t"] == 5] == [evil]


def test_lanes_follow_the_history():
    model = view_model(result(LOST), PLAN)
    board = model["boards"][0]
    assert [s["state"] for s in board["states"]][:6] == ["reset", "down", "dialing", "online", "suspect", "backoff"]
    assert all(a["t1"] <= b["t0"] for a, b in zip(board["states"], board["states"][1:]))
    assert [m["kind"] for m in board["marks"]] == ["reset", "bite", "reset"]
    assert [f["id"] for f in model["faults"]] == ["outage", "hang", "restart"]
    assert model["faults"][0]["t1"] == 37_400 and model["faults"][1]["momentary"]
    assert [m[2] for m in board["messages"] if m[3] == "lost"] == list(LOST)
    assert board["queue"][-1][1] == len(LOST)


def test_junit_counts_bad_as_failure_and_unknown_as_error():
    unknown = judge([], PLAN, "twin")
    suite = ET.fromstring(junit([result(), result(LOST), unknown]))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert "a1:70" in suite.findall("testcase")[1].find("failure").get("message")


def test_junit_survives_control_characters():
    bad = judge([{"t": 1, "src": "bench", "ev": "stopped", "why": "it said \x00\x1b[0m"}], PLAN, "twin")
    ET.fromstring(junit([bad]))


def test_files_of_a_report(tmp_path):
    pages = write_reports([(result(), PLAN), (result(LOST), PLAN)], tmp_path / "r")
    assert [p.name for p in pages] == ["main_job-twin-7.html", "main_job-twin-7-2.html"]
    assert json.loads((tmp_path / "r" / "main_job-twin-7-2.json").read_text())["lost_ids"] == list(LOST)
    assert (tmp_path / "r" / "junit.xml").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot write the report"):
        write_reports([(result(), PLAN)], tmp_path / "file" / "r")


CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_a_browser_draws_every_lane(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page(result(LOST), PLAN))
    dom = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=%s" % (tmp_path / "profile"),
                          "--dump-dom", path.as_uri() + "#t=10000-30000"], capture_output=True, text=True, timeout=60).stdout
    assert 'data-drawn="yes"' in dom
    assert re.search(r'class="seg-suspect"', dom) and re.search(r'class="flight lost"', dom) and re.search(r'class="mark bite"', dom)
    assert "10.0 s – 30.0 s of" in dom  # the part that the address asked for
