"""Writing the monitor's state down and reading it again: streams, gaps, devices, events.

A checkpoint of the ledger says up to which message it is complete; at the next start the messages behind it are noted again. So a kill at any moment costs nothing.
"""

from .ledger import Gap, Stream
from .ranges import Ranges

_STREAM = ("insert into stream (device, epoch, base, top, received, duplicates, purged) values (?, ?, ?, ?, ?, 0, ?) on conflict (device, epoch) do update "
           "set base = excluded.base, top = excluded.top, received = excluded.received, purged = excluded.purged")
_GAP = ("insert into gap (device, epoch, first, last, missing, recovered, gone, asked, state, opened_ms, closed_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "on conflict (device, epoch, first) do update set last = excluded.last, missing = excluded.missing, recovered = excluded.recovered, "
        "gone = excluded.gone, asked = excluded.asked, state = excluded.state, closed_ms = excluded.closed_ms")
_DEVICE = ("insert into device (device, first_ms, last_ms, since_epoch, presence, presence_ms, alarm, alarm_ms, info) values (?, ?, ?, ?, ?, ?, ?, ?, ?) "
           "on conflict (device) do update set last_ms = excluded.last_ms, since_epoch = excluded.since_epoch, presence = excluded.presence, "
           "presence_ms = excluded.presence_ms, alarm = excluded.alarm, alarm_ms = excluded.alarm_ms, info = excluded.info")


def forget_changes(ledger):
    """Somebody else writes the ledger down."""
    ledger.changed.clear()
    ledger.gaps_changed.clear()


def checkpoint(store, ledger, upto=None):
    """The ledger's changes since the last one, in one transaction. upto: id of the last message noted, none: all there are. Raises StoreError; then nothing is forgotten."""
    streams, gaps = list(ledger.changed.values()), list(ledger.gaps_changed.values())
    if not (streams or gaps):
        return
    with store.transaction():
        store.execute_many(_STREAM, [(s.device, s.epoch, s.base, s.top, s.received, s.purged) for s in streams])
        store.execute_many(_GAP, [(g.device, g.epoch, g.first, g.last, g.missing.text(), g.recovered, g.gone, g.asked, g.state, g.opened_ms, g.closed_ms)
                                  for g in gaps])
        store.set_meta("ledger_id", store.one("select coalesce(max(id), 0) from message")[0] if upto is None else upto)
    forget_changes(ledger)


def write_devices(store, ledger, fleet, presence, dirty, limit=None):
    """What is known of the nodes in the dict `dirty`, the longest waiting first. Raises StoreError."""
    devices = list(dirty)[:limit]
    if not devices:
        return
    with store.transaction():
        store.execute_many(_DEVICE, [_device(d, ledger, fleet, presence) for d in devices if d in fleet.nodes and d in presence.watches])
    for device in devices:
        del dirty[device]


def write_events(store, events):
    """The time lines' new entries. Raises StoreError; then they stay in the queue."""
    happened = list(events)
    if not happened:
        return
    with store.transaction():
        store.execute_many("insert into event (ms, device, kind, detail) values (?, ?, ?, ?)", happened)
    for _ in happened:
        events.popleft()


def write_schemas(store, new):
    """Descriptions of packed payloads that were not known before: (device, topic below schema/, text). Raises StoreError; then they stay."""
    if not new:
        return
    with store.transaction():
        store.execute_many("insert into schema (device, topic, definition) values (?, ?, ?) on conflict (device, topic) do update "
                           "set definition = excluded.definition", new)
    new.clear()


def _device(device, ledger, fleet, presence):
    node, watch = fleet.nodes[device], presence.watches[device]
    return (device, node.first_ms, node.last_ms, ledger.since(device), watch.state, watch.since_ms, watch.alarm, watch.alarm_ms, node.summary())


def restore_ledger(store, ledger):
    """The ledger as it was, and the messages stored since noted in it. Returns how many those were, and the id of the last one."""
    streams, newborn = {}, []
    for device, epoch, base, top, received, duplicates, purged in store.query(
            "select device, epoch, base, top, received, duplicates, purged from stream order by device, epoch desc"):
        stream = Stream(device, epoch, base)
        stream.top, stream.received, stream.duplicates, stream.purged = max(top, base - 1), received, duplicates, purged
        if received:
            streams[device, epoch] = stream
        else:       # a duplicate came before its first checkpoint
            newborn.append(stream)
    for device, epoch, first, last, missing, recovered, gone, asked, state, opened_ms in store.query(
            "select device, epoch, first, last, missing, recovered, gone, asked, state, opened_ms from gap where closed_ms is null"):
        stream = streams.get((device, epoch))
        if stream:
            gap = stream.gaps[first] = Gap(device, epoch, first, last, opened_ms)
            gap.missing, gap.recovered, gap.gone, gap.asked, gap.state = Ranges.parse(missing), recovered, gone, asked, state
    for stream in streams.values():
        ledger.restore(stream)
    n, last_id = follow(store, ledger, int(store.meta("ledger_id", 0)))
    for stream in newborn:
        found = ledger.streams(stream.device).get(stream.epoch)
        if found:
            found.duplicates = stream.duplicates
    return n, last_id


def follow(store, ledger, since_id):
    """Notes all messages stored after that id. Returns how many, and the id of the last one."""
    n = 0
    while True:
        rows = store.query("select id, device, epoch, seq, received_ms from message where id > ? order by id limit 5000", (since_id,))
        for since_id, device, epoch, seq, received_ms in rows:
            if epoch >= 0:
                ledger.note(device, epoch, seq, received_ms)
        n += len(rows)
        if len(rows) < 5000:
            return n, since_id
