"""docs/firmware.md against the firmware: tables that follow from the source, names that must all be there, examples that run."""

import ast
import importlib.util
import json
import re
import tempfile
from pathlib import Path

import pytest
from pages import ROOT, blocks

from holdfast_bench.sim import runner, stock

PAGE = ROOT / "docs" / "firmware.md"
FIRMWARE = ROOT / "firmware" / "holdfast"
TEXT = PAGE.read_text(encoding="utf-8")


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = load("settings_doc", ROOT / "tools" / "settings_doc.py")
config = load("firmware_config", FIRMWARE / "config.py")


def section(name):
    return re.search(r"^## %s\n(.*?)(?=^## |\Z)" % name, TEXT, re.M | re.S).group(1)


def first_cells(name):
    """The words in code style that stand in the first column of a section's tables."""
    rows = [line for line in section(name).splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_tables_of_settings_policies_and_transitions_are_those_of_the_source():
    assert tables.filled(TEXT) == TEXT, "run python tools/settings_doc.py"


def test_every_field_of_the_lists_is_shown_and_accepted():
    example = json.loads(next(b.text for b in blocks(PAGE) if b.tags == ["config"]))
    done = config.load(example)
    for name in ("wifi", "brokers", "classes"):
        shown = {key for entry in example[name] for key in entry}
        assert shown == {key for entry in done[name] for key in entry}, name
    assert set(example["brokers"][0]["tls"]) == set(done["brokers"][0]["tls"])


def test_every_state_is_in_the_drawing_with_its_transitions():
    drawn = set()
    for old, new, events in re.findall(r"^    (\w+) --> (\w+): (.*)$", TEXT, re.M):
        drawn.update((old, event, new) for event in events.split(", "))
    lawful = set()
    for state, text in tables.assigned("states.py", "NEXT").items():
        words = text.split()
        lawful.update((state, words[i], words[i + 1]) for i in range(0, len(words), 2))
    assert drawn == lawful


def test_every_error_is_listed_with_its_severity():  # R36
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section("Errors"), re.M))
    comment = (FIRMWARE / "errors.py").read_text().partition("# Kinds:")[2].partition("# Imported")[0]
    known = re.findall(r"(?:^|\s{2,})(\w+)  +\S", "  " + comment.replace("#", "  "), re.M)
    used = set()
    for path in FIRMWARE.glob("*.py"):
        used.update(re.findall(r"(?:Fault|\.error)\(\"(\w+)\"", path.read_text()))
    assert set(listed) == set(known) and used <= set(listed)
    severities = tables.severities()
    assert listed == {code: severities.get(code, "WARN") for code in listed}


def test_every_event_is_listed():  # R37
    emitted = set()
    for path in FIRMWARE.glob("*.py"):
        emitted.update(re.findall(r"emit\(\"(\w+)\"", path.read_text()))
    assert emitted <= set(first_cells("Events and log"))


def test_every_metric_is_listed_with_its_meaning():  # R38
    source = (FIRMWARE / "metrics.py").read_text()
    names = set(re.findall(r'found\["(\w+)"\]', source)) | set(re.findall(r'"(\w+)": ', source))
    assert names == set(first_cells("Metrics"))


def test_every_command_of_the_console_is_listed():
    commands = re.search(r"COMMANDS = \{(.*?)\}", (FIRMWARE / "commands.py").read_text(), re.S).group(1)
    assert set(re.findall(r'"(\w+)":', commands)) == set(first_cells("Console")) - {"cmd"}


def test_whole_public_api_is_described():
    classes = [next(n for n in ast.parse((FIRMWARE / file).read_text()).body if isinstance(n, ast.ClassDef) and n.name == name) for file, name in (("node.py", "Node"), ("events.py", "Events"))]
    calls = [n for found in classes for n in found.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and not n.name.startswith("_")]
    public = {n.name for n in calls} | {arg.arg for n in calls for arg in n.args.args} - {"self", "schema"}
    described = set(re.findall(r"\b(\w+)\b", " ".join(re.findall(r"`([^`]+)`", section("The API")))))
    assert public <= described


@pytest.mark.parametrize("number, topic", [(0, "sensor/temp"), (1, "sensor/air"), (2, "sensor/soil")])
def test_examples_run(number, topic):
    code = [b.text for b in blocks(PAGE) if b.language == "python"][number]
    with tempfile.TemporaryDirectory() as folder:
        spec = stock.stock_spec({**runner.idle_plan(60_000, seed=1), "drain_ms": 5000, "config": {"verbose": False}})
        for name in ("holdfast", "boot.py", "config.example.json"):
            (Path(folder) / name).symlink_to(spec.firmware / name)
        (Path(folder) / "main.py").write_text(code)
        spec.firmware = Path(folder)
        events = runner.run(spec).events()
    assert len([e for e in events if e["ev"] == "recv" and e["topic"].endswith("/" + topic)]) >= 4, [e for e in events if e["ev"] == "text"]
    assert not [e for e in events if e["ev"] == "err" and e["code"] == "app"]
