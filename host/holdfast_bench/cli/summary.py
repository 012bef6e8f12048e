"""The table after a set of runs: one row a run, then what was found."""

from rich.console import Group
from rich.text import Text

from .common import table

_STYLE = {"good": "bold green", "bad": "bold red", "unknown": "bold yellow"}
# (name of the number, heading, shown only when one of the runs has it)
_COLUMNS = (("accepted", "handed over", False), ("delivered", "arrived", False), ("lost", "lost", False), ("duplicates", "twice", True),
            ("reported_dropped", "dropped", True), ("beyond_promise", "beyond promise", True), ("detect_ms", "noticed after", True),
            ("recovery_ms", "recovered in", True), ("stall_ms_max", "longest stall", True), ("watchdog_bites", "bites", True),
            ("resets", "resets", True), ("reconnects", "reconnects", True))
_SHORT = {"handed over": "in", "noticed after": "noticed", "recovered in": "recovered", "longest stall": "stall", "beyond promise": "beyond"}


def summary(results):
    """A renderable for the console: everything of a single run, a row each of several."""
    shown = [(name, label) for name, label, optional in _COLUMNS if not optional or any(r.numbers.get(name) for r in results)]
    return Group(_one(results[0]) if len(results) == 1 else _many(results, shown), *findings_of(results), *_count(results))


def _one(r):
    rows = table("", "")
    rows.show_header = False
    rows.add_row("verdict", Text(r.verdict, style=_STYLE[r.verdict]))
    rows.add_row("scenario", Text("%s on %s, seed %d" % (r.scenario, r.board, r.seed)))
    for name, label, _ in _COLUMNS:
        rows.add_row(label, _value(r, name))
    return rows


def _verdict(r):
    return Text("skipped", style="dim") if r.skipped else Text(r.verdict, style=_STYLE[r.verdict])


def _many(results, shown):
    rows = table("verdict", "scenario", "board", *[_SHORT.get(label, label) for _, label in shown])
    for index, column in enumerate(rows.columns):
        column.justify, column.no_wrap = ("right" if index > 2 else "left"), True
    for r in results:
        rows.add_row(_verdict(r), Text(r.scenario, style="bold"), r.board, *[_value(r, name) for name, _ in shown])
    return rows


def _count(results):
    """The last line of many: how many of which verdict."""
    if len(results) > 1:
        count = {"skipped" if r.skipped else r.verdict: 0 for r in results}
        for r in results:
            count["skipped" if r.skipped else r.verdict] += 1
        yield Text(", ".join("%d %s" % (count[v], v) for v in ("good", "bad", "unknown", "skipped") if v in count), style="bold")


def findings_of(results):
    for r in results:
        for f in r.findings:
            line = Text()
            line.append("✗ " if f.verdict == "bad" else "? ", style=_STYLE[f.verdict])
            line.append("%s: " % ("%s, %s" % (r.scenario, r.board) if len(results) > 1 else f.law), style="bold")
            line.append(f.text)
            if f.t is not None:
                line.append(" (%.1f s)" % (f.t / 1000), style="dim")
            if f.going_on:
                line.append("\n    at that moment: " + f.going_on, style="dim")
            yield line


def _value(result, name):
    value = result.numbers.get(name)
    if value is None:
        return "–"
    if name.endswith("_ms") or name.endswith("_ms_max"):
        return "%.1f s" % (value / 1000) if value >= 1000 else "%d ms" % value
    return Text(str(value), style="bold red") if name == "lost" and value else str(value)
