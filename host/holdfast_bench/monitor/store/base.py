"""What the monitor asks of a database, and the tables, written once in the SQL that SQLite and PostgreSQL share.

A connection belongs to the thread that uses it. Placeholders are `?`; times are ms since 1970. Messages are named by device, epoch and number;
a bare one has epoch -1 and a number made of the microsecond of its arrival, a bare one that the broker had kept has epoch -2 and a hash of its content,
so that it is not stored anew with every subscription.
"""

import contextlib
from typing import NamedTuple

BARE_EPOCH, KEPT_EPOCH = -1, -2
VERSION = "1"

# {id}, {blob}, {int}: types by database.
TABLES = """
create table if not exists message (
  id {id}, device text not null, epoch {int} not null, seq {int} not null, topic text not null, payload {blob} not null,
  qos integer not null, retained integer not null, envelope text not null, sent_ms {int}, received_ms {int} not null,
  arrivals integer not null, trace text, schema integer, unique (device, epoch, seq));
create index if not exists message_received on message (received_ms);
create table if not exists device (
  device text primary key, first_ms {int} not null, last_ms {int} not null, since_epoch {int}, presence text not null, presence_ms {int} not null,
  alarm text, alarm_ms {int} not null, info text not null);
create table if not exists stream (
  device text not null, epoch {int} not null, base {int} not null, top {int} not null, received {int} not null, duplicates {int} not null,
  purged {int} not null, primary key (device, epoch));
create table if not exists gap (
  device text not null, epoch {int} not null, first {int} not null, last {int} not null, missing text not null, recovered {int} not null,
  gone {int} not null, asked integer not null, state text not null, opened_ms {int} not null, closed_ms {int}, primary key (device, epoch, first));
create index if not exists gap_opened on gap (opened_ms);
create table if not exists event (id {id}, ms {int} not null, device text not null, kind text not null, detail text not null);
create index if not exists event_device on event (device, id);
create table if not exists notification (
  id text primary key, ms {int} not null, hook text not null, body text not null, tries integer not null, next_ms {int}, state text not null, error text);
create index if not exists notification_state on notification (state, next_ms);
create table if not exists schema (device text not null, topic text not null, definition text not null, primary key (device, topic));
create table if not exists refused (id {id}, ms {int} not null, topic text not null, reason text not null, size {int} not null, head {blob} not null);
create table if not exists meta (key text primary key, value text not null);
"""


class StoreError(Exception):
    """The database did not take it. Nothing of the transaction is in; the same may be tried again."""


class Busy(StoreError):
    """Somebody else holds it."""


class Full(StoreError):
    """No room on the disk, or a limit reached."""


class Row(NamedTuple):
    """A message as it is stored."""
    device: str
    epoch: int
    seq: int
    topic: str          # below the device's prefix
    payload: bytes
    qos: int
    retained: int       # delivered from the broker's store
    envelope: str
    sent_ms: int | None
    received_ms: int
    trace: str | None
    schema: int | None = None   # how a packed payload is read


def trace_of(device, epoch, seq, trace=None):
    return trace or "%s:%d:%d" % (device, epoch, seq)


class Store:
    """One connection. Subclasses: _begin, _commit, _rollback, execute, add_messages, and `where` for people (without a password)."""

    shared = False      # several monitors may write into it at the same time

    @contextlib.contextmanager
    def transaction(self):
        """All or nothing. Raises StoreError when it did not get in."""
        self._begin()
        try:
            yield self
            self._commit()
        except BaseException:
            self._rollback()
            raise

    def execute(self, sql, values=()):
        """A cursor. Raises StoreError."""
        raise NotImplementedError

    def execute_many(self, sql, rows):
        raise NotImplementedError

    def add_messages(self, rows):
        """Stores Rows inside a transaction; returns for each whether it is new. One that is there already gets a further arrival, unless the
        broker had kept it, since then nobody sent it again."""
        raise NotImplementedError

    def query(self, sql, values=()):
        return self.execute(sql, values).fetchall()

    def one(self, sql, values=()):
        return self.execute(sql, values).fetchone()

    def meta(self, key, default=None):
        found = self.one("select value from meta where key = ?", (key,))
        return found[0] if found else default

    def set_meta(self, key, value):
        self.execute("insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value", (key, str(value)))

    def reader(self):
        """Another connection to the same data for another thread, for reading."""
        raise NotImplementedError

    def size_bytes(self):
        raise NotImplementedError

    def close(self):
        raise NotImplementedError
