"""The database of drills: one SQLite file, every run of every drill with its numbers. May use: sqlite3.

Written in one transaction at the end of a drill: one that was cut off leaves nothing behind that a later one would be compared with.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import BenchError

SCHEMA = """
create table if not exists drill (id integer primary key, name text not null, began text not null, took_s real not null, version text not null);
create table if not exists run (drill integer not null references drill(id) on delete cascade, scenario text not null, board text not null,
    seed integer not null, verdict text not null, found text not null, numbers text not null);
create index if not exists run_of on run (scenario, board, seed);
"""
BUSY_S = 20  # several drills may end at the same time


class Store:
    """`path` is made when it is not there. Raises BenchError when it is no database of ours."""

    def __init__(self, path):
        self.path = Path(path)

    def add(self, name, began, took_s, version, results):
        """Keeps a drill that ended; `began` as ISO text. Returns its number."""
        with closing(self._open()) as db, db:
            number = db.execute("insert into drill (name, began, took_s, version) values (?, ?, ?, ?)", (name, began, took_s, version)).lastrowid
            db.executemany("insert into run values (?, ?, ?, ?, ?, ?, ?)", [
                (number, r.scenario, r.board, r.seed, "skipped" if r.skipped else r.verdict, r.findings[0].text if r.findings else "", json.dumps(r.numbers))
                for r in results])
            return number

    def last(self, name, before=None, count=5):
        """The last `count` drills of that name before number `before`, newest first: [{number, began, took_s, version, runs}], runs as
        {(scenario, board, seed): (verdict, numbers)}."""
        with closing(self._open()) as db:
            rows = db.execute("select id, began, took_s, version from drill where name = ? and id < ? order by id desc limit ?",
                              (name, before if before is not None else 1 << 60, count)).fetchall()
            return [{"number": n, "began": began, "took_s": took_s, "version": version, "runs": {
                (scenario, board, seed): (verdict, json.loads(numbers)) for scenario, board, seed, verdict, numbers in
                db.execute("select scenario, board, seed, verdict, numbers from run where drill = ?", (n,))}} for n, began, took_s, version in rows]

    def _open(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=BUSY_S)
            db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as e:
            raise BenchError("cannot use %s as the database of drills: %s" % (self.path, e)) from None
        return db

