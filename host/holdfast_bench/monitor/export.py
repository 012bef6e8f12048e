"""Export of stored messages as CSV or Parquet, by device, topic and time. Reads in slices: memory does not grow with the number of messages."""

import csv
import json
from datetime import datetime, timezone
from pathlib import Path

from ..errors import BenchError
from ..schema import BadSchema, Schemas
from .alarms import iso
from .series import values
from .store import open_store
from .store.base import trace_of

SLICE = 5000
COLUMNS = ("device", "epoch", "number", "topic", "sent", "received", "qos", "arrivals", "trace", "payload", "value")


def moment(text, name):
    """ms since 1970 of 2026-11-21, 2026-11-21T10:00 or …+01:00; without a zone it is UTC. Raises BenchError."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BenchError("%s: %r is no time such as 2026-11-21T10:00" % (name, text)) from None
    return int((found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp() * 1000)


def export(database, out, device=None, topic=None, since_ms=None, until_ms=None, tell=lambda n: None):
    """Writes the messages to the file `out` (.csv or .parquet), in the order of arrival. topic: a pattern with + and #. Returns how many.

    Raises BenchError. The file is complete, or not there.
    """
    path = Path(out)
    if path.suffix not in (".csv", ".parquet"):
        raise BenchError("%s: export writes .csv or .parquet" % out)
    if "://" not in str(database) and not Path(database).is_file():
        raise BenchError("there is no database %s" % database)
    store = open_store(database).reader()
    partial = path.with_name(path.name + ".part")
    try:
        writer = (_Csv if path.suffix == ".csv" else _Parquet)(partial)
        n = 0
        for rows in _slices(store, device, topic, since_ms, until_ms):
            writer.write(rows)
            n += len(rows)
            tell(n)
        writer.close()
        partial.replace(path)
    except OSError as e:
        raise BenchError("cannot write %s: %s" % (out, e.strerror or e)) from None
    finally:
        partial.unlink(missing_ok=True)
        store.close()
    return n


def _slices(store, device, topic, since_ms, until_ms):
    schemas = Schemas()
    for owner, below, definition in store.query("select device, topic, definition from schema"):
        schemas.learn(owner, below, definition.encode())
    where, given = ["id > ?"], []
    for clause, value in (("device = ?", device), ("received_ms >= ?", since_ms), ("received_ms < ?", until_ms)):
        if value is not None:
            where.append(clause)
            given.append(value)
    last = 0
    pattern = topic.split("/") if topic else None
    while True:
        found = store.query("select id, device, epoch, seq, topic, sent_ms, received_ms, qos, arrivals, trace, payload, schema from message where %s "
                            "order by id limit ?" % " and ".join(where), (last, *given, SLICE))
        if found:
            last = found[-1][0]
            yield [_row(each, schemas) for each in found if pattern is None or _fits(pattern, each[4].split("/"))]
        if len(found) < SLICE:
            return


def _fits(pattern, levels):
    for at, level in enumerate(pattern):
        if level == "#":
            return True
        if at >= len(levels) or level not in ("+", levels[at]):
            return False
    return len(pattern) == len(levels)


def _row(each, schemas):
    _, device, epoch, seq, topic, sent_ms, received_ms, qos, arrivals, trace, payload, schema = each
    payload = bytes(payload)
    unpacked = None
    if schema is not None:
        try:
            unpacked = schemas.values(device, topic, payload, schema)
        except BadSchema:
            pass
    numbered = epoch >= 0
    if unpacked is not None:
        text = json.dumps(unpacked, ensure_ascii=False)
    else:
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            text = payload.hex()
    number = values(topic, payload, unpacked)
    return (device, epoch if numbered else None, seq if numbered else None, topic, sent_ms, received_ms, qos, arrivals,
            trace_of(device, epoch, seq, trace) if numbered else trace, text, number[0][1] if len(number) == 1 else None)


class _Csv:
    """Times as text; what a spreadsheet would take for a formula is kept from being one."""

    def __init__(self, path):
        self._file = open(path, "w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)
        self._csv.writerow(COLUMNS)

    def write(self, rows):
        for row in rows:
            row = list(row)
            row[4], row[5] = iso(row[4]) if row[4] is not None else None, iso(row[5])
            self._csv.writerow([_harmless(cell) for cell in row])

    def close(self):
        self._file.close()


def _harmless(cell):
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        try:
            float(cell)
        except ValueError:
            return "'" + cell
    return cell


class _Parquet:
    def __init__(self, path):
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise BenchError("Parquet needs the package pyarrow: pip install 'holdfast[parquet]'") from None
        at = pyarrow.timestamp("ms", tz="UTC")
        types = (pyarrow.string(), pyarrow.int64(), pyarrow.int64(), pyarrow.string(), at, at, pyarrow.int8(), pyarrow.int32(), pyarrow.string(), pyarrow.string(),
                 pyarrow.float64())
        self._arrow, self._schema = pyarrow, pyarrow.schema(list(zip(COLUMNS, types)))
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows):
        if rows:
            columns = [self._arrow.array(column, field.type) for column, field in zip(zip(*rows), self._schema)]
            self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))

    def close(self):
        self._writer.close()
