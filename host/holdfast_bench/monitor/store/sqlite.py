"""The embedded default: one SQLite file in WAL mode, written by one thread, read by as many as like."""

import os
import sqlite3
from pathlib import Path

from ...errors import BenchError
from .base import TABLES, VERSION, Busy, Full, Store, StoreError

BUSY_MS = 250           # then the caller is told, and decides
CACHE_KB = 32768
WAL_PAGES = 4000        # between checkpoints: 16 MB

_INSERT = ("insert into message (device, epoch, seq, topic, payload, qos, retained, envelope, sent_ms, received_ms, trace, schema, arrivals) "
           "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) on conflict do nothing")
_AGAIN = "update message set arrivals = arrivals + 1 where device = ? and epoch = ? and seq = ?"
_COUNT = ("insert into stream (device, epoch, base, top, received, duplicates, purged) values (?, ?, 1, 0, 0, 1, 0) "
          "on conflict (device, epoch) do update set duplicates = duplicates + 1")


def _told(e):
    text = str(e)
    if "locked" in text or "busy" in text:
        return Busy("the database is locked by another program")
    if "full" in text:
        return Full("no room for the database: %s" % text)
    return StoreError(text)


class Sqlite(Store):
    def __init__(self, path, durable=False, read_only=False):
        self.path = Path(path)
        self.where = str(self.path)
        self._durable = durable
        if not self.path.parent.is_dir():
            raise BenchError("%s: there is no folder %s" % (path, self.path.parent))
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_MS / 1000, cached_statements=64,
                                       check_same_thread=False)  # made in one thread, used in another, never in both
            self._set_up(read_only)
        except (sqlite3.Error, StoreError) as e:
            raise BenchError("%s cannot be used as database: %s" % (path, e)) from None

    def _set_up(self, read_only):
        db = self._db
        db.execute("pragma busy_timeout = %d" % (5000 if read_only else BUSY_MS))
        if read_only:
            db.execute("pragma query_only = on")
            return
        if db.execute("pragma journal_mode = wal").fetchone()[0] != "wal":
            raise StoreError("its file system does not allow WAL mode; choose a local disk")
        # NORMAL keeps every commit over a kill of the process, and the database whole over a power cut; FULL keeps every commit over that, too.
        db.execute("pragma synchronous = %s" % ("full" if self._durable else "normal"))
        db.execute("pragma cache_size = -%d" % CACHE_KB)
        db.execute("pragma wal_autocheckpoint = %d" % WAL_PAGES)
        db.execute("pragma journal_size_limit = %d" % (64 << 20))
        with self.transaction():
            for statement in TABLES.format(id="integer primary key autoincrement", int="integer", blob="blob").split(";"):
                self.execute(statement)
            version = self.meta("version")
            if version is None:
                self.set_meta("version", VERSION)
            elif version != VERSION:
                raise StoreError("it was made by another version of Holdfast (%s, this is %s)" % (version, VERSION))

    def _begin(self):
        self.execute("begin immediate")

    def _commit(self):
        self.execute("commit")

    def _rollback(self):
        if self._db.in_transaction:
            try:
                self._db.execute("rollback")
            except sqlite3.Error:
                pass    # it has rolled back by itself

    def execute(self, sql, values=()):
        try:
            return self._db.execute(sql, values)
        except sqlite3.Error as e:
            raise _told(e) from None

    def execute_many(self, sql, rows):
        try:
            self._db.executemany(sql, rows)
        except sqlite3.Error as e:
            raise _told(e) from None

    def query(self, sql, values=()):
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as e:
            raise _told(e) from None

    def add_messages(self, rows):
        new = []
        execute = self._db.execute
        try:
            for row in rows:
                fresh = execute(_INSERT, row).rowcount == 1
                if not fresh and not row[6]:
                    execute(_AGAIN, row[:3])
                    if row[1] >= 0:
                        execute(_COUNT, row[:2])
                new.append(fresh)
        except sqlite3.Error as e:
            raise _told(e) from None
        return new

    def reader(self):
        return Sqlite(self.path, read_only=True)

    def size_bytes(self):
        pages = self.one("pragma page_count")[0] - self.one("pragma freelist_count")[0]
        return pages * self.one("pragma page_size")[0]

    def compact(self):
        """After deletions: gives the journal's room back. The file itself is reused, not shrunk."""
        self.execute("pragma wal_checkpoint(truncate)")

    def free_bytes(self):
        """Room on its disk."""
        stat = os.statvfs(self.path.parent)
        return stat.f_bavail * stat.f_frsize

    def close(self):
        self._db.close()
