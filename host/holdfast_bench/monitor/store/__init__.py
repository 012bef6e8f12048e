"""Where messages are kept: SQLite (a file, the default) or PostgreSQL (a URL), behind one small interface (base.Store)."""

from ...errors import BenchError
from .base import Busy, Full, Row, Store, StoreError


def open_store(where, durable=False):
    """The store at `where`: a path, or postgresql://…. durable: every commit survives a power cut as well (SQLite; PostgreSQL decides by itself).

    Raises BenchError with the remedy when it cannot be opened.
    """
    where = str(where)
    if where.startswith(("postgresql://", "postgres://")):
        try:
            from .postgres import Postgres
        except ImportError:
            raise BenchError("PostgreSQL needs the package psycopg: pip install 'holdfast[postgres]'") from None
        return Postgres(where)
    if "://" in where:
        raise BenchError("%s: a database is a file, or postgresql://user@host/name" % where.split("://")[0])
    from .sqlite import Sqlite
    return Sqlite(where, durable)


__all__ = ["Busy", "Full", "Row", "Store", "StoreError", "open_store"]
