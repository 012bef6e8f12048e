"""Writes the tables of docs/firmware.md that follow from the firmware's source: settings, retry policies, errors, states.

    python tools/settings_doc.py            brings the page up to date
    python tools/settings_doc.py --check    status 1 when it is not

May know: the form in which config.py, retry.py, errors.py and states.py keep their tables. They are read, not run.
"""

import ast
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware" / "holdfast"
PAGE = ROOT / "docs" / "firmware.md"
KINDS = {"name": "text of 1 to 32 bytes, without `+ # /` and blank", "networks": "1 to 8 objects, below", "brokers": "1 to 8 objects, below", "classes": "1 to 8 objects, below",
         "host": "text of 1 to 253 bytes", "switch": "`true`, `false`", "secret": "text of 16 to 64 bytes", "anything": "any object"}


def assigned(module, name):
    """The literal that `name` is set to in a module of the firmware."""
    for node in ast.parse((FIRMWARE / module).read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value.args[0] if isinstance(node.value, ast.Call) else node.value)  # const(…)
    raise KeyError(name)


def table(head, rows):
    lines = ["| %s |" % " | ".join(head), "|%s" % ("---|" * len(head))]
    return "\n".join(lines + ["| %s |" % " | ".join(str(cell) for cell in row) for row in rows])


def allowed(what):
    if isinstance(what, tuple):
        return "%d to %d" % what
    if isinstance(what, list):
        return ", ".join("`%s`" % word for word in what)
    return KINDS[what]


def settings():
    source = (FIRMWARE / "config.py").read_text()
    rows = []
    for name, default, what in assigned("config.py", "TABLE"):
        meaning = re.search(r'^    \("%s",.*?\),  # (.*)$' % name, source, re.M).group(1)
        unit = re.search(r" \[([^\]]+)\]$", meaning)
        meaning = meaning[: unit.start()] if unit else meaning
        shown = "–" if name in ("wifi", "brokers") else "below" if name == "classes" else "`%s`" % json.dumps(default)
        rows.append(("`%s`" % name, shown, unit.group(1) if unit else "", allowed(what), meaning[0].upper() + meaning[1:]))
    return table(("setting", "default", "unit", "allowed", "meaning"), rows)


def policies():
    follows = {"next": "the next broker", "climb": "the next broker; when all have been tried, the next rung of the ladder", "clean": "the next session begins with nothing kept",
               "bar": "this broker is left alone for `barred_ms`; the next broker"}
    rows = []
    for line in assigned("retry.py", "_POLICY").split("\n")[1:-1]:
        kind, *numbers, then = line.split()
        low, high, quick, limit = map(int, numbers)
        pause = "back-off" if not high else "%d to %d ms, %s; then back-off" % (low, high, "the first %d times" % quick if quick else "for the first `quick_ms` of an outage")
        rows.append(("any other" if kind == "*" else "`%s`" % kind, pause, limit, follows[then]))
    return table(("error", "pause before the next try", "in a row", "then"), rows)


def severities():
    """Of the error codes; what is not named is WARN."""
    return {kind: "FATAL" if i < 2 else "ERROR" for i, kind in enumerate(assigned("errors.py", "GRAVE"))}


def transitions():
    rows = []
    for state, text in assigned("states.py", "NEXT").items():
        words = text.split()
        rows.append(("`%s`" % state, ", ".join("%s → `%s`" % (words[i], words[i + 1]) for i in range(0, len(words), 2))))
    return table(("in state", "event → next state"), rows)


def filled(page):
    for name, make in (("settings", settings), ("policies", policies), ("transitions", transitions)):
        begin, end = "<!-- %s: made by tools/settings_doc.py -->\n" % name, "<!-- end of %s -->" % name
        before, _, rest = page.partition(begin)
        after = rest.partition(end)[2]
        if not after:
            raise ValueError("%s has no place for the table of %s" % (PAGE, name))
        page = before + begin + make() + "\n" + end + after
    return page


def main(argv):
    was = PAGE.read_text()
    now = filled(was)
    if argv == ["--check"]:
        return int(now != was)
    PAGE.write_text(now)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
