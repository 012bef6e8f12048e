"""Renders one run as one self-contained HTML page: no network, no other file. The drawing is done by its own script."""

import datetime
import json

import jinja2

from .model import view_model

# (name in the result, label, unit, explanation)
CARDS = (
    ("accepted", "handed over", "", "messages the application handed over, by its own numbers"),
    ("delivered", "arrived", "", "of these, arrived at the broker side"),
    ("lost", "lost", "", "neither arrived nor reported dropped"),
    ("duplicates", "twice", "", "arrived more than once, as QoS 1 allows"),
    ("reported_dropped", "dropped", "", "given up by the firmware, and reported"),
    ("beyond_promise", "beyond promise", "", "gone with memory that does not survive a power cut"),
    ("detect_ms", "noticed after", "ms", "from a fault to the first state other than online; the longest"),
    ("recovery_ms", "recovered in", "ms", "from the end of a fault to the next arrival; the longest"),
    ("stall_ms_max", "longest stall", "ms", "how late a sample came at most"),
    ("watchdog_bites", "watchdog bites", "", ""),
    ("resets", "resets", "", "after the first start"),
    ("reconnects", "reconnects", "", ""),
)

_environment = jinja2.Environment(loader=jinja2.PackageLoader("holdfast_bench.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def page(result, plan, when=None):
    """The page as text. `when`: the run's date; otherwise now."""
    when = when or datetime.datetime.now()
    return _environment.get_template("page.html").render(
        result=result, plan=plan, when=when.strftime("%Y-%m-%d %H:%M"), cards=[_card(result, *card) for card in CARDS],
        data=_embedded(view_model(result, plan)), seconds=max((e["t"] for e in result.events), default=0) / 1000)


def _card(result, name, label, unit, about):
    value = result.numbers.get(name)
    if unit == "ms" and value is not None and value >= 10_000:
        value, unit = "%.1f" % (value / 1000), "s"
    alarming = name == "lost" and value or any(f.law == "bounds" and f.text.startswith(name + " ") for f in result.findings)
    return {"label": label, "value": "–" if value is None else value, "unit": unit if value is not None else "", "about": about, "alarming": bool(alarming)}


def _embedded(model):
    """JSON that may stand inside a script element: no text of a board can end it."""
    text = json.dumps(model, separators=(",", ":"), ensure_ascii=False)
    return jinja2.utils.markupsafe.Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
