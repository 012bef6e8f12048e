"""The divergences that docs/twin.md lists: patterns over what a line is about, for each probe and place."""

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

DOC = Path(__file__).resolve().parents[3] / "docs" / "twin.md"


@dataclass
class Row:
    probe: str
    patterns: list
    where: str
    why: str

    def covers(self, divergence):
        return any(self._matches(pattern, divergence) for pattern in self.patterns)

    @staticmethod
    def _matches(pattern, divergence):
        if pattern.startswith("time "):
            return divergence.kind == "time" and fnmatch.fnmatchcase(divergence.key, _literal(pattern[5:]))
        return divergence.kind != "time" and fnmatch.fnmatchcase(divergence.key, _literal(pattern))


def _literal(pattern):
    """Brackets mean themselves."""
    return pattern.replace("[", "[[]")


def rows(place=None, doc=DOC):
    """[Row] of the tables in docs/twin.md, those for `place` ("sim" or "twin") only."""
    found = []
    for line in doc.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[2] in ("both", "sim", "twin"):
            found.append(Row(cells[0], re.findall(r"`([^`]*)`", cells[1]), cells[2], cells[3]))
    return [row for row in found if place in (None, row.where) or row.where == "both"]
