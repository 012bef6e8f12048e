"""docs/performance.md: figures that `holdfast perf` knows, each with the bar it is judged by, and a verdict that follows from the two."""

import re

from pages import ROOT

from holdfast_bench.perf.figures import KINDS, Figure

ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \| (\S*) \| (\S+) \| (.*?) \| (.*?) \|", (ROOT / "docs" / "performance.md").read_text(encoding="utf-8"), re.M)


def test_every_figure_has_its_unit_and_bar():
    names = [row[0] for row in ROWS]
    assert len(names) == len(set(names)) > 30 and set(names) <= set(KINDS)
    for name, what, unit, _, bar, _ in ROWS:
        kind = KINDS[name]
        assert (what, unit) == (kind.what, kind.unit), name
        assert bar == ("" if kind.bar is None else "%s %g" % (kind.sense, kind.bar)), name


def test_what_is_called_met_is_met():
    for name, _, _, value, _, verdict in ROWS:
        number = None if value in ("–", "never") else float(value)
        assert verdict == {True: "met", False: "**not met**", None: ""}[Figure(name, number, "").met], name
