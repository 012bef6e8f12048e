"""Tables of the reference pages, made from the source: `python tests/host/docs/tables.py` writes them anew, a test compares.

A table stands in a page between <!-- table: NAME --> and <!-- end -->.
"""

import inspect
import re
import sys
from pathlib import Path

from holdfast_bench import fixtures, pytest_plugin, session
from holdfast_bench.faults.describe import PLACES, describe
from holdfast_bench.scenario import schema

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("scenarios", "faults", "testing")
_PARTS = re.compile(r"(<!-- table: (\w+) -->)(\n)(.*?)<!-- end -->", re.S)
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.S)


def _cell(value):
    """As Markdown: what could be a tag is none."""
    text = str(value).replace("|", "\\|").replace("\n", " ")
    return text if text.startswith("`") else text.replace("<", "&lt;")


def rows(head, body):
    lines = [head, ["---"] * len(head), *body]
    return "".join("| %s |\n" % " | ".join(_cell(cell) for cell in line) for line in lines)


def faults():
    return rows(["fault", "symptom", "arguments, with what they are otherwise", *PLACES], [
        ["`%s`" % d.name, d.symptom, ", ".join("`%s` = %s" % (a.name, a.default) for a in d.arguments), *["✓" if d.how[p] else "–" for p in PLACES]]
        for d in describe()])


def mechanisms():
    return rows(["fault", "kind", *PLACES], [["`%s`" % d.name, d.kind, *[d.how[p] or "–" for p in PLACES]] for d in describe()])


def keys(model):
    """The keys of one table of a scenario file, with the comments of the schema."""
    found, pending = [], inspect.getsource(model)
    for name, kind, default, about in re.findall(r"^    (\w+): ([^=#\n]+?)(?: = ([^#\n]*?))?(?:  # (.*))?$", pending, re.M):
        required = not default or default.startswith("Field(") and "default" not in default
        found.append(["`%s`" % name, "yes" if required else "", about])
    return rows(["key", "required", "meaning"], found)


def methods(cls):
    """Public methods and properties of a fixture's class and of what it inherits."""
    found = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, member in vars(base).items():
            if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
                continue
            about = " ".join((member.__doc__ or "").split())
            call = name if isinstance(member, property) else "%s(%s)" % (name, ", ".join(_parameter(p) for p in list(inspect.signature(member).parameters.values())[1:]))
            found[name] = ["`%s`" % call, about]
    return rows(["", ""], found.values())


def _parameter(p):
    star = {p.VAR_KEYWORD: "**", p.VAR_POSITIONAL: "*"}.get(p.kind, "")
    return star + p.name + ("" if p.default is p.empty else "=%r" % (p.default,))


def marks():
    found = []

    class Config:
        @staticmethod
        def addinivalue_line(_, line):
            call, _, about = line.partition("): ")
            found.append(["`%s)`" % call, about])

    pytest_plugin.pytest_configure(Config)
    return rows(["mark", ""], found)


def tables():
    made = {"faults": faults(), "mechanisms": mechanisms(), "marks": marks()}
    for name, model in (("scenario", schema.Scenario), ("step", schema.Step), ("expect", schema.Expect), ("always", schema.Always), ("publish", schema.Publish), ("update", schema.Update), ("setup", schema.Setup),
                        ("guard", schema.Guard)):
        made[name] = keys(model)
    for name in ("Board", "Wifi", "Network", "Broker", "Power", "Messages"):
        made["fixture_" + name.lower()] = methods(getattr(fixtures, name))
    made["fixture_bench"] = methods(session.Session)
    return made


def renewed(text):
    made = tables()
    return _BLOCK.sub(lambda m: m.group(1) + made[m.group(2)] + m.group(3), text)


def names(text):
    """{(table, first word of a row)} of the tables in a page."""
    return {(table, name) for _, table, _, body in _PARTS.findall(text) for name in re.findall(r"^\| `(\w+)", body, re.M)}


if __name__ == "__main__":
    for page in PAGES:
        path = ROOT / "docs" / (page + ".md")
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
        print("docs/%s.md" % page, file=sys.stderr)
