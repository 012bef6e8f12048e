"""Makes the pictures of README.md and docs/ from a run of the main job that really takes place.

    .venv/bin/python tools/pictures.py [--board sim|twin]

Needs Chromium. The page is photographed, light and dark; the terminal is what the live view shows in the middle of the run,
and the summary at its end, written by rich as SVG.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast_bench.checkout import ROOT
from holdfast_bench.cli.summary import summary
from holdfast_bench.live.view import Panel
from holdfast_bench.places import Options, run_plan
from holdfast_bench.report.page import page
from holdfast_bench.scenario import compile_plan, find, load

PICTURES = ROOT / "docs" / "pictures"
SCENARIO, SEED = "main_job", 1
WIDTH, HEIGHT = 1280, 760
COLUMNS = 112


class Until:
    """The history as it was at `now`."""

    def __init__(self, events, now):
        self.events, self._now = [e for e in events if e["t"] <= now], now

    def now_ms(self):
        return self._now


def photograph(file, picture, dark):
    browser = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if browser is None:
        sys.exit("no Chromium is installed: apt install chromium")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                        "--disable-component-update", "--disable-sync", "--user-data-dir=" + profile, "--hide-scrollbars",
                        "--blink-settings=preferredColorScheme=%d" % (0 if dark else 1), "--window-size=%d,%d" % (WIDTH, HEIGHT),
                        "--screenshot=%s" % picture, file.as_uri()], check=True, capture_output=True, timeout=60)


def terminal(plan, result, board, middle_ms):
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ holdfast run %s --board %s --seed %d" % (plan["scenario"], board, plan["seed"]), style="bold"))
    console.print(Panel.at(Until(result.events, middle_ms), plan, board))
    console.print(Text("  … and when it is over:", style="dim"))
    console.print(summary([result]))
    svg = console.export_svg(title="holdfast")
    svg = re.sub(r"@font-face\s*{.*?}\s*", "", svg, flags=re.S)  # nothing is fetched from anywhere
    svg = svg.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono")
    return re.sub(r"[ \t]+\n", "\n", svg)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--board", default="twin", choices=("sim", "twin"))
    board = options.parse_args().board
    plan = compile_plan(load(find(SCENARIO)[0]), SCENARIO, SEED)
    result, _ = run_plan(plan, board, Options(say=print))
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page(result, plan), encoding="utf-8")
        photograph(file, PICTURES / "page-light.png", dark=False)
        photograph(file, PICTURES / "page-dark.png", dark=True)
    bite = next(e["t"] for e in result.events if e["ev"] == "bite")
    (PICTURES / "terminal.svg").write_text(terminal(plan, result, board, bite + 5000), encoding="utf-8")
    print("verdict %s; pictures in %s" % (result.verdict, PICTURES))


main()
