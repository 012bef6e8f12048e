"""The first lines of each module of the firmware say what it may know about: what it imports is named there, or it is the composition's affair."""

import ast
import re

import pytest
from pages import ROOT

FIRMWARE = ROOT / "firmware" / "holdfast"
KNOW_EVERYONE = ("__init__", "node")


def header(text):
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


def imported(text):
    """Names of the sibling modules that are imported, wherever that happens."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.update([node.module] if node.module else [name.name for name in node.names])
    return found


@pytest.mark.parametrize("path", sorted(FIRMWARE.glob("*.py")), ids=lambda path: path.stem)
def test_module_says_in_its_first_lines_what_it_may_import(path):  # R41
    text = path.read_text()
    said = header(text)
    assert len(said) > 60, "what is it responsible for?"
    if path.stem in KNOW_EVERYONE:
        return
    allowed = re.search(r"May import: (.*?)(?:\s{2,}|Time:|$)", said)
    assert allowed, "no line 'May import: …'"
    assert "Blocks:" in said or path.stem == "errors"
    known = set(re.findall(r"\w+", allowed.group(1) if ";" not in allowed.group(1) else said))
    unnamed = imported(text) - known
    assert not unnamed, "imports %s without saying so" % ", ".join(sorted(unnamed))
