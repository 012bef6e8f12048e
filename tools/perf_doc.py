"""Puts the result of `holdfast perf --json FILE` into the tables of docs/performance.md.

    python tools/perf_doc.py FILE

Figures that FILE does not have, because only some parts were measured, stay in the page as they are.
"""

import json
import platform
import sys
from pathlib import Path

from holdfast_bench.perf.figures import KINDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
CLIENTS = ("umqtt.simple", "umqtt.robust", "paho-mqtt", "simulation")
BEGIN, END = "<!-- made by tools/perf_doc.py -->\n", "<!-- end of tables -->"


def value(figure):
    return "" if figure is None else "never" if figure["value"] is None and "never" in figure["how"] else "–" if figure["value"] is None else "%g" % figure["value"]


def row(figures, name, clients):
    own = figures[name]
    bar = "" if own["bar"] is None else "%s %g" % (KINDS[name].sense, own["bar"])
    met = {True: "met", False: "**not met**", None: ""}[own["met"]]
    return "| `%s` | %s | %s | %s | %s | %s |" % (name, KINDS[name].what, own["unit"], value(own), bar, met) + "".join(" %s |" % value(figures.get("%s:%s" % (name, c))) for c in clients)


def table(figures, names, clients):
    head = "| figure | | unit | Holdfast | bar | |" + "".join(" %s |" % c for c in clients)
    return "\n".join([head, "|" + "---|" * (6 + len(clients)), *(row(figures, name, clients) for name in names)])


def replace(figures, names):
    """The rows of these figures alone; one that the page does not have yet goes where it belongs in the last table."""
    lines = PAGE.read_text(encoding="utf-8").split("\n")
    for name in names:
        at = {line.split("`")[1]: i for i, line in enumerate(lines) if line.startswith("| `")}
        made = row(figures, name, ())
        if name in at:
            lines[at[name]] = made
            continue
        order = list(KINDS)
        before = [known for known in order[:order.index(name)] if known in at]
        begin = max(i for i, line in enumerate(lines) if line.startswith("| figure |")) + 1
        lines.insert(max(begin, at[before[-1]] if before else begin) + 1, made)
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    print("%d figures replaced" % len(names))


def main(argv):
    figures = {f["name"]: f for f in json.loads(Path(argv[0]).read_text())}
    names = [name for name in KINDS if name in figures]
    beside = [name for name in names if any("%s:%s" % (name, c) in figures for c in CLIENTS)]
    alone = [name for name in names if name not in beside]
    if not beside:
        return replace(figures, alone)
    made = "%s\n\n%s\n" % (table(figures, beside, CLIENTS), table(figures, alone, ()))
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + BEGIN + made + END + rest.partition(END)[2], encoding="utf-8")
    print("%d figures, Python %s" % (len(figures), platform.python_version()))


if __name__ == "__main__":
    main(sys.argv[1:])
