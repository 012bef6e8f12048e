"""Writes the report of a set of runs into a folder: a page and the JSON of each run, and JUnit over all."""

import json
import re
from pathlib import Path

from ..errors import BenchError
from .junit import junit
from .page import page


def write_reports(runs, folder):
    """`runs`: [(result, plan)]. Returns the paths of the pages. Raises BenchError when the folder cannot be written."""
    folder, pages, names = Path(folder), [], set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for result, plan in runs:
            stem = _free("%s-%s-%d" % (result.scenario, result.board, result.seed), names)
            (folder / (stem + ".json")).write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            pages.append(folder / (stem + ".html"))
            pages[-1].write_text(page(result, plan), encoding="utf-8")
        (folder / "junit.xml").write_text(junit([result for result, _ in runs]), encoding="utf-8")
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
