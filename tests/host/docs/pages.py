"""Reads the fenced blocks of the project's Markdown pages: commands with their output, files, code.

    ```console            run by a test: lines beginning "$ " are commands, what follows is their output; … stands for anything
    ```console board      needs a real board: only its `holdfast` commands are checked against the command line
    ```console slow       run by `make soak`
    ```toml file=x.toml   written to x.toml before the next command
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```\s*$", re.M | re.S)


@dataclass
class Command:
    text: str
    line: int
    output: list = field(default_factory=list)


@dataclass
class Block:
    language: str
    tags: list
    text: str
    line: int

    @property
    def file(self):
        return next((t[5:] for t in self.tags if t.startswith("file=")), None)

    def commands(self):
        found = []
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            if found and found[-1].text.endswith("\\") and not found[-1].output:
                found[-1].text = found[-1].text[:-1] + line.strip()
            elif line.startswith("$ "):
                found.append(Command(line[2:], number))
            elif found:
                found[-1].output.append(line)
        return found


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(path):
    text = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        language, *tags = match.group(1).split() or [""]
        yield Block(language, tags, match.group(2), text.count("\n", 0, match.start()) + 1)


def links(path):
    """Targets of links and pictures that stay within the project."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<[^>\n]*?\b(?:src|srcset|href)="([^"]+)"', text)
    return [t for t in found if not re.match(r"[a-z]+:", t)]


def same(expected, said):
    """None when `said` (text) reads as the page has it, else the expected line that does not fit. Figures are any figures, blanks any
    blanks; a line of "…" is any number of lines, and … within a line any text."""
    lines = [_plain(s) for s in said.splitlines() if s.strip()]
    wanted = [_plain(s) for s in expected if s.strip()]
    at, anything = 0, False
    for line in wanted:
        if line == "…":
            anything = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")) + r"\Z")
        while at < len(lines) and not pattern.match(lines[at]):
            if not anything:
                return line
            at += 1
        if at == len(lines):
            return line
        at, anything = at + 1, False
    return None if anything or at == len(lines) or not wanted else "(the end)"


def _plain(line):
    line = re.sub(r"[─━│╭╮╰╯┃┏┓┗┛]+", " ", line)
    return re.sub(r"\d+(\.\d+)?", "0", " ".join(line.split()))
