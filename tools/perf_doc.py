"""Puts the result of `holdfast perf --json FILE` into the tables of docs/performance.md.

    python tools/perf_doc.py FILE

Figures that FILE does not have, because only some parts were measured, stay in the page as they are.
"""

import json
import sys
from pathlib import Path

from holdfast_bench.perf.figures import KINDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
CLIENTS = ("umqtt.simple", "umqtt.robust", "paho-mqtt", "simulation")
OWN_CELLS = 6   # of each row; those of the clients follow


def value(figure):
    return "" if figure is None else "never" if figure["value"] is None and "never" in figure["how"] else "–" if figure["value"] is None else "%g" % figure["value"]


def row(figures, name, clients, kept=()):
    """A line of the table. kept: the cells of the clients as they are in the page, for those that were not measured."""
    own = figures[name]
    bar = "" if own["bar"] is None else "%s %g" % (KINDS[name].sense, own["bar"])
    met = {True: "met", False: "**not met**", None: ""}[own["met"]]
    beside = {c: figures.get("%s:%s" % (name, c)) for c in clients}
    cells = [value(figure) if figure or not kept else old for figure, old in zip(beside.values(), kept or clients)]
    return "| `%s` | %s | %s | %s | %s | %s |" % (name, KINDS[name].what, own["unit"], value(own), bar, met) + "".join(" %s |" % cell for cell in cells)


def replace(figures, names):
    """The rows of these figures alone; one that the page does not have yet goes where it belongs in the last table."""
    lines = PAGE.read_text(encoding="utf-8").split("\n")
    for name in names:
        at = {line.split("`")[1]: i for i, line in enumerate(lines) if line.startswith("| `")}
        if name in at:
            kept = [cell.strip() for cell in lines[at[name]].split("|")[OWN_CELLS + 1:-1]]
            lines[at[name]] = row(figures, name, CLIENTS[:len(kept)], kept)
            continue
        made = row(figures, name, ())
        order = list(KINDS)
        before = [known for known in order[:order.index(name)] if known in at]
        begin = max(i for i, line in enumerate(lines) if line.startswith("| figure |")) + 1
        lines.insert(max(begin, at[before[-1]] if before else begin) + 1, made)
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    print("%d figures replaced" % len(names))


def main(argv):
    figures = {f["name"]: f for f in json.loads(Path(argv[0]).read_text())}
    replace(figures, [name for name in KINDS if name in figures])


if __name__ == "__main__":
    main(sys.argv[1:])
