"""Results of campaigns, kept: a campaign that was stopped goes on where it was, and a seed is not carried out twice.

SQLite, one row a seed; what a result depends on (sources, interpreter, hours) is part of its key. Knows trials as JSON only.
"""

import contextlib
import hashlib
import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from ..checkout import FIRMWARE, runs_folder
from ..errors import BenchError
from ..sim.runner import interpreter
from .trial import Trial

FILE = "campaigns.sqlite"
_SOURCES = ("world", "chip", "sim", "campaign", "checks", "scenario")    # of the bench, that a result depends on
_TABLE = ("CREATE TABLE IF NOT EXISTS trials (sources TEXT, hours REAL, seed INTEGER, verdict TEXT, trial TEXT, "
          "PRIMARY KEY (sources, hours, seed))")


def sources(firmware=None):
    """A hash of everything that a seed's result depends on."""
    here = Path(__file__).resolve().parents[1]
    h = hashlib.sha256(repr(interpreter()).encode())
    for folder in (Path(firmware or FIRMWARE), *(here / name for name in _SOURCES)):
        for path in sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts):
            h.update(b"%s\0" % path.name.encode() + path.read_bytes())
    return h.hexdigest()[:16]


class Store:
    """The results of one version of the sources, for one length of the trouble. A context manager."""

    def __init__(self, hours, firmware=None, folder=None):
        folder = Path(folder or runs_folder())
        self.path = folder / FILE
        self._key = sources(firmware), float(hours)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=30)
            self._db.execute(_TABLE)
        except (OSError, sqlite3.Error) as e:
            raise BenchError("cannot keep results in %s: %s" % (self.path, e)) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def known(self, seeds):
        """{seed: Trial} of those of `seeds` (a range) that are kept."""
        rows = self._db.execute("SELECT trial FROM trials WHERE sources = ? AND hours = ? AND seed >= ? AND seed < ?",
                                (*self._key, seeds.start, seeds.stop))
        return {t.seed: t for t in (Trial(**json.loads(row[0])) for row in rows)}

    def keep(self, trial):
        try:
            with self._db:
                self._db.execute("INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?)",
                                 (*self._key, trial.seed, trial.verdict, json.dumps(asdict(trial))))
        except sqlite3.Error as e:
            raise BenchError("cannot keep results in %s: %s" % (self.path, e)) from None
