"""Retention: what is older than so many days, or too much for so many megabytes, is deleted, a little at a time, in the collector's thread.

Deleting moves the mark below which nothing is taken any more, so that a late duplicate of a deleted message does not come back as a new one.
"""

SLICE = 2000        # messages of one transaction
DAY_MS = 86_400_000
REFUSED_KEPT = 10_000
EVENTS_KEPT = 1_000_000


class Retention:
    def __init__(self, settings, collector, log):
        self._settings, self._collector, self._log = settings, collector, log

    def run(self, store, now_ms):
        """One slice. True: there is more to do."""
        settings = self._settings
        oldest = now_ms - int(settings.keep_days * DAY_MS) if settings.keep_days else None
        if settings.keep_mb and store.size_bytes() > settings.keep_mb << 20:
            rows = store.query("select id, device, epoch, seq from message order by id limit ?", (SLICE,))
        elif oldest is not None:
            rows = store.query("select id, device, epoch, seq from message where received_ms < ? order by received_ms limit ?", (oldest, SLICE))
        else:
            rows = []
        if rows:
            self._delete(store, rows, now_ms)
        self._small_tables(store, oldest)
        return len(rows) == SLICE

    def _delete(self, store, rows, now_ms):
        upto = {}
        for _, device, epoch, seq in rows:
            if epoch >= 0:
                upto[device, epoch] = max(seq, upto.get((device, epoch), 0))
        with store.transaction():
            store.execute_many("delete from message where id = ?", [(row[0],) for row in rows])
            store.execute_many("insert into stream (device, epoch, base, top, received, duplicates, purged) values (?, ?, 1, 0, 0, 0, ?) "
                               "on conflict (device, epoch) do update set purged = excluded.purged where stream.purged < excluded.purged",
                               [(device, epoch, seq) for (device, epoch), seq in upto.items()])
        for (device, epoch), seq in upto.items():
            self._collector.ledger.purge(device, epoch, seq, now_ms)
        self._collector.counters.purged += len(rows)
        self._log.debug("retention", deleted=len(rows))

    def _small_tables(self, store, oldest):
        with store.transaction():
            store.execute("delete from refused where id <= (select max(id) - ? from refused)", (REFUSED_KEPT,))
            store.execute("delete from event where id <= (select max(id) - ? from event)", (EVENTS_KEPT,))
            if oldest is not None:
                store.execute("delete from event where ms < ?", (oldest,))
                store.execute("delete from gap where closed_ms < ?", (oldest,))
