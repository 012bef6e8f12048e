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


needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed (Debian: apt install chromium): nobody has looked at the page")


def browse(tmp_path, html, script="", hash="", width=1200):
    """The page's DOM as text after `script` has run in it."""
    path = tmp_path / "page.html"
    act = "<script>addEventListener('load', () => setTimeout(() => { %s; }, 300))</script></body>" % script
    path.write_text(html.replace("</body>", act))
    return subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                           "--disable-component-update", "--disable-sync", "--user-data-dir=%s" % (tmp_path / "profile"), "--window-size=%d,900" % width,
                           "--virtual-time-budget=5000", "--dump-dom", path.as_uri() + hash], capture_output=True, text=True, timeout=110).stdout


@needs_browser
def test_a_browser_draws_every_lane(tmp_path):
    dom = browse(tmp_path, page(result(LOST), PLAN), hash="#t=10000-30000")
    assert 'data-drawn="yes"' in dom
    for drawn in ("seg-suspect", "flight lost", "mark bite", "bars sent", "dots rtt", "dots rssi", "found bad"):
        assert 'class="%s"' % drawn in dom, drawn
    assert "10.0 s – 30.0 s of" in dom  # the part that the address asked for


def shown(dom):
    """The part of the run that the chart shows, (from, to) in s."""
    return tuple(float(s) for s in re.search(r'id="window">([\d.]+) s – ([\d.]+) s of', dom).groups())


@needs_browser
def test_a_finding_leads_to_its_moment_and_so_does_its_key(tmp_path):
    html = page(result(LOST), PLAN)
    assert shown(browse(tmp_path, html, "document.querySelector('[data-at]').click()")) == (11.3, 17.3)
    key = "document.getElementById('chart').dispatchEvent(new KeyboardEvent('keydown', { key: 'n', bubbles: true }))"
    assert shown(browse(tmp_path, html, key)) == (11.3, 17.3)


@needs_browser
def test_drawing_a_box_looks_closer_and_a_double_click_shows_the_whole_run_again(tmp_path):
    box = """const c = document.getElementById('chart'), r = c.getBoundingClientRect(), at = (type, share) => c.dispatchEvent(
        new PointerEvent(type, { pointerId: 1, pointerType: 'mouse', bubbles: true, clientX: r.left + r.width * share, clientY: r.top + 50 }));
        c.setPointerCapture = () => {}; at('pointerdown', .25); at('pointermove', .5); at('pointerup', .5)"""
    end = max(e["t"] for e in result(LOST).events) / 1000
    assert shown(browse(tmp_path, page(result(LOST), PLAN), box)) == pytest.approx((end / 4, end / 2), abs=0.3)  # a few pixels
    assert shown(browse(tmp_path, page(result(LOST), PLAN), box + "; c.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))")) == pytest.approx((0, end), abs=0.1)


@needs_browser
def test_on_a_phone_nothing_is_wider_than_the_screen(tmp_path):
    dom = browse(tmp_path, page(result(LOST), PLAN), "document.title = 'over ' + (document.documentElement.scrollWidth - document.documentElement.clientWidth)", width=500)
    assert "<title>over 0</title>" in dom


def index_of(tmp_path, *results):
    write_reports([(r, PLAN) for r in results], tmp_path / "r")
    return (tmp_path / "r" / "index.html").read_text()


def test_the_index_knows_every_run_that_was_ever_written_there(tmp_path):
    index_of(tmp_path, result())
    text = index_of(tmp_path, result(LOST), judge([], PLAN, "sim"))
    assert "3 runs" in text and "1 good" in text and "1 bad" in text and "1 unknown" in text
    assert 'href="main_job-twin-7.html"' in text and 'href="main_job-twin-7-2.html"' in text
    assert "a1:70" in text  # what was found
    assert not re.search(r'src\s*=|url\(|@import|fetch\(', text)


def test_a_run_that_was_deleted_is_gone_from_the_index_and_a_damaged_index_is_begun_anew(tmp_path):
    index_of(tmp_path, result(), result(LOST))
    (tmp_path / "r" / "main_job-twin-7.html").unlink()
    assert "main_job-twin-7.html" not in index_of(tmp_path, judge([], PLAN, "sim"))
    (tmp_path / "r" / "index.json").write_text("{")
    assert "1 runs" in index_of(tmp_path, judge([], PLAN, "twin"))


@needs_browser
def test_the_index_sorts_and_filters(tmp_path):
    html = index_of(tmp_path, result(), result(LOST))
    first = "document.title = document.querySelector('tbody').rows[0].cells[4].textContent"
    assert "<title>3</title>" in browse(tmp_path, html, "const h = [...document.querySelectorAll('th')].find(h => h.textContent === 'lost'); h.click(); h.click(); " + first)
    visible = "document.title = [...document.querySelector('tbody').rows].filter(r => !r.hidden).length + ' shown'"
    assert "<title>1 shown</title>" in browse(tmp_path, html, "document.querySelector('button.bad').click(); " + visible)
