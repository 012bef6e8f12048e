"""PostgreSQL by URL, for many nodes, for several monitors at once, or because it is there anyway. The password comes from PGPASSWORD or .pgpass.

Writers take turns by an advisory lock, so ids are committed in ascending order: whoever follows the table by id misses nothing.
"""

from urllib.parse import urlsplit

import psycopg

from ...errors import BenchError
from .base import TABLES, VERSION, Busy, Full, Store, StoreError

CONNECT_S = 5
STATEMENT_MS = 15_000
TURN, LEADER, SET_UP = 0x486F6C64, 0x466173, 0x7374     # advisory locks

_INSERT = """
insert into message (device, epoch, seq, topic, payload, qos, retained, envelope, sent_ms, received_ms, trace, schema, arrivals)
select * from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bytea[], %s::int[], %s::int[], %s::text[], %s::bigint[], %s::bigint[],
                     %s::text[], %s::int[], %s::int[])
on conflict (device, epoch, seq) do nothing returning device, epoch, seq"""
_AGAIN = "update message set arrivals = arrivals + %s where device = %s and epoch = %s and seq = %s"
_COUNT = ("insert into stream (device, epoch, base, top, received, duplicates, purged) values (%s, %s, 1, 0, 0, %s, 0) "
          "on conflict (device, epoch) do update set duplicates = stream.duplicates + excluded.duplicates")


def _told(e):
    text = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
    if isinstance(e, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected)):
        return Busy("the database is busy: %s" % text)
    if isinstance(e, (psycopg.errors.DiskFull, psycopg.errors.InsufficientResources)):
        return Full("no room for the database: %s" % text)
    return StoreError("PostgreSQL: %s" % text)


class Postgres(Store):
    shared = True

    def __init__(self, url, read_only=False):
        self._url, self._read_only = url, read_only
        self._leader = None
        try:
            parts = urlsplit(url)
            self.where = "postgresql://%s%s%s" % (parts.hostname or "", ":%d" % parts.port if parts.port else "", parts.path)
        except ValueError as e:
            raise BenchError("database: %s" % e) from None
        self._db = None
        try:
            self._connect()
            if not read_only:
                self._set_up()
        except (psycopg.Error, StoreError) as e:
            raise BenchError("%s cannot be used as database: %s" % (self.where, str(e).strip().splitlines()[0])) from None

    def _connect(self):
        self._db = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="holdfast monitor",
                                   options="-c statement_timeout=%d -c lock_timeout=%d" % (STATEMENT_MS, STATEMENT_MS // 3))
        if self._read_only:
            self._db.execute("set default_transaction_read_only = on")

    def _set_up(self):
        with self.transaction():
            self._db.execute("select pg_advisory_xact_lock(%s)", (SET_UP,))
            for statement in TABLES.format(id="bigserial primary key", int="bigint", blob="bytea").split(";"):
                if statement.strip():
                    self.execute(statement)
            version = self.meta("version")
            if version is None:
                self.set_meta("version", VERSION)
            elif version != VERSION:
                raise StoreError("it was made by another version of Holdfast (%s, this is %s)" % (version, VERSION))

    # -- Store ---------------------------------------------------------------------------------------------------------------

    def _begin(self):
        try:
            if self._db is None or self._db.closed:
                self._connect()
            self._db.execute("begin")
        except psycopg.Error as e:
            raise _told(e) from None

    def _commit(self):
        try:
            self._db.execute("commit")
        except psycopg.Error as e:
            raise _told(e) from None

    def _rollback(self):
        try:
            self._db.execute("rollback")
        except psycopg.Error:
            self._drop()

    def _drop(self):
        try:
            self._db.close()
        except psycopg.Error:
            pass

    def execute(self, sql, values=()):
        try:
            if self._db is None or self._db.closed:
                self._connect()
            return self._db.execute(_placeholders(sql), values)
        except psycopg.Error as e:
            raise _told(e) from None

    def execute_many(self, sql, rows):
        rows = list(rows)
        if not rows:
            return
        try:
            with self._db.cursor() as cursor:
                cursor.executemany(_placeholders(sql), rows)
        except psycopg.Error as e:
            raise _told(e) from None

    def add_messages(self, rows):
        if not rows:
            return []
        first, arrivals = {}, {}
        for at, row in enumerate(rows):
            key = row[:3]
            if key in first:
                arrivals[key] += not row[6]
            else:
                first[key], arrivals[key] = at, 1
        picked = [rows[at] for at in first.values()]
        columns = [list(column) for column in zip(*picked)]
        try:
            self._db.execute("select pg_advisory_xact_lock(%s)", (TURN,))
            fresh = set(self._db.execute(_INSERT, [*columns, [arrivals[row[:3]] for row in picked]]).fetchall())
            again, counts = [], {}
            for row in picked:
                key = row[:3]
                n = arrivals[key] - 1 if key in fresh else arrivals[key] - row[6]
                if n and key not in fresh:
                    again.append((n, *key))
                if n and key[1] >= 0:
                    counts[key[:2]] = counts.get(key[:2], 0) + n
            with self._db.cursor() as cursor:
                if again:
                    cursor.executemany(_AGAIN, sorted(again, key=lambda a: a[1:]))
                if counts:
                    cursor.executemany(_COUNT, [(*key, n) for key, n in sorted(counts.items())])
        except psycopg.Error as e:
            raise _told(e) from None
        return [row[:3] in fresh and first[row[:3]] == at for at, row in enumerate(rows)]

    def reader(self):
        return Postgres(self._url, read_only=True)

    def size_bytes(self):
        return self.one("select pg_database_size(current_database())")[0]

    def lead(self):
        """Whether this connection is the one that acts for all monitors of this database: the first that asks, until it is gone."""
        try:
            if self._leader is None or self._leader.closed:
                self._leader = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="holdfast monitor leader")
                self._leads = False
            if not self._leads:
                self._leads = self._leader.execute("select pg_try_advisory_lock(%s)", (LEADER,)).fetchone()[0]
            else:
                self._leader.execute("select 1")
        except psycopg.Error:
            try:
                self._leader.close()
            except (psycopg.Error, AttributeError):
                pass
            self._leader, self._leads = None, False
        return self._leads

    def close(self):
        for db in (self._db, self._leader):
            if db is not None:
                db.close()


def _placeholders(sql):
    return sql.replace("%", "%%").replace("?", "%s")
