"""The index page of a folder of reports: every run that was ever written there, to sort, filter and open. One file, no network.

index.json keeps what the page shows of each run, so that a folder of many runs is not read again for one more.
"""

import json
from pathlib import Path

import jinja2

from ..checks.result import NUMBERS
from .model import view_model

STRIP_SHARE = 250  # a state shorter than this part of the run is not drawn in its strip
_environment = jinja2.Environment(loader=jinja2.PackageLoader("holdfast_bench.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def entry(result, plan, stem, when):
    """What the index knows of a run; `stem` names its files."""
    model = view_model(result, plan)
    strip = []
    for s in model["boards"][0]["states"] if model["boards"] else ():
        if s["t1"] - s["t0"] < model["end"] / STRIP_SHARE:
            continue
        if strip and strip[-1][1] == s["state"]:
            continue
        strip.append([round(s["t0"] / max(model["end"], 1), 4), s["state"]])
    return {"stem": stem, "scenario": result.scenario, "title": plan.get("title", ""), "board": result.board, "seed": result.seed,
            "verdict": "skipped" if result.skipped else result.verdict, "when": when.strftime("%Y-%m-%d %H:%M:%S"), "seconds": round(model["end"] / 1000, 1),
            "found": "%s: %s" % (result.findings[0].law, result.findings[0].text) if result.findings else "", "strip": strip,
            "numbers": {k: result.numbers.get(k) for k in NUMBERS}}


def write_index(folder, entries):
    """Adds entries to the folder's index and writes its page, newest first. Returns the page's path."""
    folder = Path(folder)
    new = {e["stem"] for e in entries}
    known = [e for e in _read(folder / "index.json") if e["stem"] not in new and (folder / (e["stem"] + ".html")).exists()]
    rows = sorted([*known, *entries], key=lambda e: e["when"], reverse=True)
    (folder / "index.json").write_text(json.dumps(rows, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    page = folder / "index.html"
    page.write_text(_environment.get_template("index.html").render(rows=rows, count=_count(rows)), encoding="utf-8")
    return page


def _read(path):
    """What the index knew; a damaged one is begun anew."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [e for e in rows if isinstance(e, dict) and "stem" in e and "when" in e]
    except (OSError, ValueError, TypeError):
        return []


def _count(rows):
    return [(verdict, sum(e["verdict"] == verdict for e in rows)) for verdict in ("good", "bad", "unknown", "skipped")]
