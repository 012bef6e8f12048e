"""Writes the report of a set of runs into a folder: a page and the JSON of each run, JUnit over all, and the folder's index."""

import datetime
import json
import re
from pathlib import Path

from ..errors import BenchError
from .index import entry, write_index
from .junit import junit
from .page import page


def write_reports(runs, folder, when=None):
    """`runs`: [(result, plan)]. Returns the paths of the pages. Runs that are in the folder already stay, under their names.

    Raises BenchError when the folder cannot be written.
    """
    folder, pages, entries = Path(folder), [], []
    when = when or datetime.datetime.now()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {p.stem for p in folder.glob("*.html")}
        for result, plan in runs:
            stem = _free("%s-%s-%d" % (result.scenario, result.board, result.seed), names)
            (folder / (stem + ".json")).write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            pages.append(folder / (stem + ".html"))
            pages[-1].write_text(page(result, plan, when), encoding="utf-8")
            entries.append(entry(result, plan, stem, when))
        (folder / "junit.xml").write_text(junit([result for result, _ in runs]), encoding="utf-8")
        write_index(folder, entries)
    except OSError as e:
        raise BenchError("cannot write the report to %s: %s" % (folder, e.strerror or e)) from None
    return pages


def _free(stem, names):
    stem = re.sub(r"[^\w.-]", "_", stem)
    wanted, count = stem, 1
    while stem in names:
        count += 1
        stem = "%s-%d" % (wanted, count)
    names.add(stem)
    return stem
