"""The table after a set of runs: one row a run, then what was found."""

from rich.console import Group
from rich.text import Text

from .common import table

_STYLE = {"good": "bold green", "bad": "bold red", "unknown": "bold yellow"}
_COLUMNS = (("accepted", "handed over"), ("delivered", "arrived"), ("lost", "lost"), ("duplicates", "twice"), ("reported_dropped", "dropped"),
            ("beyond_promise", "beyond"), ("detect_ms", "noticed after"), ("recovery_ms", "recovered in"), ("watchdog_bites", "bites"),
            ("resets", "resets"), ("reconnects", "reconnects"))


def summary(results):
    """A renderable for the console."""
    rows = table("verdict", "scenario", "board", "seed", *[label for _, label in _COLUMNS])
    for column in rows.columns[4:]:
        column.justify = "right"
    for r in results:
        rows.add_row(Text(r.verdict, style=_STYLE[r.verdict]), Text(r.scenario, style="bold"), r.board, str(r.seed), *[_value(r, name) for name, _ in _COLUMNS])
    parts = [rows]
    for r in results:
        for f in r.findings:
            where = "%s, %s" % (r.scenario, r.board) if len(results) > 1 else f.law
            line = Text("%s  " % ("✗" if f.verdict == "bad" else "?"), style=_STYLE[f.verdict])
            line.append("%s: " % where, style="bold")
            line.append(f.text, style="")
            if f.t is not None:
                line.append("  (%.1f s)" % (f.t / 1000), style="dim")
            parts.append(line)
    return Group(*parts)


def _value(result, name):
    value = result.numbers.get(name)
    if value is None:
        return "–"
    if name.endswith("_ms"):
        return "%.1f s" % (value / 1000)
    return Text(str(value), style="bold red") if name == "lost" and value else str(value)
