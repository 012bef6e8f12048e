"""The collector: from the link into the store, exactly once. Commit first, acknowledge then; what cannot be stored stays with the broker.

Runs in the link's thread and is its owner. Everything that changes the ledger, the fleet and presence happens here, so nothing needs a lock.
A batch is what has come while the batch before was being written: short when there is time, long under load.
"""

import hashlib
import json
import random
import time
from collections import deque

from ..envelope import Malformed, open_envelope
from . import keeping
from .bare import Bare
from .counters import Counters
from .fleet import Fleet
from .ledger import Ledger
from .presence import ONLINE, SCAN_MS, SLEEPING, UNKNOWN, Presence
from .resend import Resend
from .store import Row, StoreError
from .store.base import BARE_EPOCH, KEPT_EPOCH

BATCH = 1000            # messages of one transaction
LINGER_S = 0.02         # a batch waits so long for company
WAITING_MAX = 20_000    # messages not yet stored; then no more is read from the broker
WAITING_BYTES_MAX = 64 << 20
CHECKPOINT_S = 20.0     # the ledger is written down this often; what came since is found again in the messages
EVENTS_S = 1.0          # what belongs on a time line this often, and of that many nodes what is known of them
DEVICES_AT_ONCE = 300
RETRY_S = (0.2, 0.5, 1, 2, 5)   # pauses while the database does not take anything
TOPIC_MAX = 400
DEVICE_MAX = 64
REFUSED_PER_BATCH = 100
HEAD = 256              # bytes kept of a refused payload
RESENDS_PER_SCAN = 25
MINUTE_S = 60


def wall_ms():
    return time.time_ns() // 1_000_000


class Collector:
    """settings: see settings.py. tell(ms, device, kind, detail): what belongs on a time line. ring(watch, kind, why): alarms. log: logs.Log."""

    def __init__(self, settings, store, tell, ring, log):
        self._settings, self._store, self.log = settings, store, log
        self.counters = Counters()
        self.ledger = Ledger()
        self.resend = Resend(self.ledger, settings.resend_grace_ms, settings.resend_pause_ms)
        self.fleet = Fleet(self.tell, settings.nodes_max)
        self.presence = Presence(self._presence_changed, ring, settings.alarm_ms, settings.steady_ms, settings.flap_ms, settings.offline_after_ms)
        self._tell = tell
        self._prefix = settings.base + "/"
        self._rows, self._mids = [], []
        self._since = 0.0           # when the oldest waiting message came
        self._refused = deque(maxlen=REFUSED_PER_BATCH)
        self._events = deque(maxlen=10_000)
        self._jobs = deque()        # other threads' wishes: callables for this thread
        self._dirty = {}            # devices to write down, the longest waiting first
        self._bare_us, self._bare_bits = 0, random.getrandbits(10)     # the bits tell monitors of one database apart
        self._scan_at = self._checkpoint_at = self._minute_at = 0.0
        self._failing = 0           # attempts in a row
        self._retry_at = 0.0
        self.trouble = None         # why nothing is being stored
        self._bare = Bare(self)
        self.schemas = self._bare.schemas
        self._housekeeping = []     # [due, interval, fn], see every()
        self.every(EVENTS_S, self._write_events)
        self.sharing = None         # sharing.Sharing, where several monitors share a database
        self._was_up, self._why_down = False, None
        self.scanned = lambda now_ms: None      # called after every scan
        self.topic = None           # <topic>/status tells others whether this monitor is there
        self.link = None
        self.ended = False

    # -- start -----------------------------------------------------------------------------------------------------------

    def restore(self, now_ms):
        """Takes up where the last run ended: what was written down, then the messages stored since."""
        store = self._store
        known = store.query("select device, first_ms, last_ms, since_epoch, presence, presence_ms, alarm, alarm_ms, info from device")
        for device, first_ms, last_ms, since, presence, presence_ms, alarm, alarm_ms, info in known:
            node = self.fleet.node(device, first_ms)
            if node is None:
                break
            node.last_ms = last_ms
            node.restore(info)
            if since is not None:
                self.ledger.restore_since(device, since)
            self.presence.restore(device, presence, presence_ms, alarm, alarm_ms, last_ms, now_ms)
        for device, below, definition in store.query("select device, topic, definition from schema"):
            self._bare.schema(device, below, definition.encode(), now_ms, True)
        self._bare.new_schemas.clear()
        replayed, last_id = keeping.restore_ledger(store, self.ledger)
        if self.sharing:
            self.sharing.last_id = last_id
        for gap in self.ledger.open_gaps():
            self.resend.opened(gap, now_ms)
        self.log.info("restored", devices=len(self.fleet.nodes), messages_since_checkpoint=replayed, missing=self.ledger.missing)

    # -- other threads ---------------------------------------------------------------------------------------------------

    def call(self, fn, *args):
        """Runs fn(*args) in this thread soon."""
        self._jobs.append((fn, args))
        self.link.wake()

    def every(self, seconds, fn):
        """Housekeeping: fn(store, now_ms) about every so many seconds; True: there is more to do, come back at once."""
        self._housekeeping.append([time.monotonic() + seconds, seconds, fn])

    # -- the link's owner ------------------------------------------------------------------------------------------------

    def up(self, kept):
        now_ms = wall_ms()
        self._was_up, self._why_down = True, None
        self.presence.link(True, now_ms)
        if self.topic:
            self.link.publish(self.topic + "/status", b"online", 1, True)
        self.log.info("broker connected", broker="%s:%d" % self.link.at, session_kept=kept, mqtt=self.link.version)
        self.tell(now_ms, "", "broker", "connected")

    def down(self, why):
        self._mids = []     # numbers of a connection that is over
        if self._was_up:
            self._was_up = False
            self.tell(wall_ms(), "", "broker", "lost: %s" % why)
        self.presence.link(False, wall_ms())
        (self.log.debug if why == self._why_down else self.log.warning)("broker not connected", broker="%s:%d" % self.link.at, why=why)
        self._why_down = why

    def patience(self):
        """How long the link may wait for the network, s."""
        if self._rows or self._mids:
            return LINGER_S if not self.trouble else 0.1
        return max(0.0, min(0.25, self._scan_at - time.monotonic()))

    def hungry(self):
        """Whether more may be read from the broker."""
        return len(self._rows) < WAITING_MAX and self.counters.waiting_bytes < WAITING_BYTES_MAX

    def may_end(self):
        """The link is being stopped: everything read is stored, acknowledged and written down first, if the database lets us."""
        if (self._rows or self._mids) and not self.trouble:
            self._flush(time.monotonic())
        self._checkpoint()
        try:
            self._write_events(self._store, 0)
            if self.acting():
                keeping.write_devices(self._store, self.ledger, self.fleet, self.presence, self._dirty)
        except StoreError as e:
            self.log.warning("last words not written down", why=str(e))
        if self.topic:
            self.link.publish(self.topic + "/status", b"offline", 1, True)
        self.ended = True
        return True

    def received(self, raw_topic, payload, qos, retain, dup, mid):
        counters = self.counters
        counters.received += 1
        counters.bytes += len(payload)
        if qos:
            self._mids.append(mid)
            if not self._since:
                self._since = time.monotonic()
        try:
            topic = raw_topic.decode()
        except UnicodeDecodeError:
            return self.refuse("topic is not UTF-8", repr(raw_topic)[:TOPIC_MAX], payload)
        if not topic.startswith(self._prefix):
            counters.foreign += 1
            return
        device, _, below = topic[len(self._prefix):].partition("/")
        now_ms = wall_ms()
        if not below or not 0 < len(device) <= DEVICE_MAX or len(topic) > TOPIC_MAX or not topic.isprintable():
            return self.refuse("topic too long, not printable, or without a device", topic[:TOPIC_MAX], payload)
        if below.startswith("cmd/"):
            return self._bare.command_seen(now_ms, device, below)
        node = self.fleet.node(device, now_ms)
        if node is None:
            return self.refuse("more than %d nodes" % self.fleet.nodes_max, topic, payload)
        fits = len(payload) <= self._settings.payload_max
        if fits and self._bare.heard(device, below, payload, now_ms, retain):
            return
        if not retain and not dup:
            self.presence.heard(device, now_ms)
        if not fits:
            node.refused += 1
            return self.refuse("payload longer than %d bytes" % self._settings.payload_max, topic, payload)
        try:
            kind, epoch, seq, sent_ms, inner, trace, odd, schema = open_envelope(payload)
        except Malformed as e:
            node.refused += 1
            return self.refuse(str(e), topic, payload)
        if odd:
            counters.odd_clocks += 1
        if schema is not None:
            self._bare.try_schema(device, below, inner, schema)
        if epoch is None:
            epoch, seq = self._bare_key(retain, below, payload)
        elif self.ledger.too_late(device, epoch, seq):
            counters.late += 1
            return
        if not self._since:
            self._since = time.monotonic()
        self._rows.append(Row(device, epoch, seq, below, inner, qos, retain, kind, sent_ms, now_ms, trace, schema))
        counters.waiting_bytes += len(inner) + 200

    def turn(self, now):
        """After every round of the link."""
        while self._jobs:
            fn, args = self._jobs.popleft()
            try:
                fn(*args)
            except StoreError as e:
                self.log.warning("not done: the database does not take it", why=str(e))
        if (self._rows or self._mids or self._refused) and now >= self._retry_at:
            if len(self._rows) >= BATCH or now - self._since >= LINGER_S:
                self._flush(now)
        if now >= self._scan_at:
            self._scan_at = now + SCAN_MS / 1000
            self._scan(wall_ms())
            self._measure(now)
        if now >= self._checkpoint_at and not self.trouble:
            self._checkpoint_at = now + CHECKPOINT_S
            self._checkpoint()
        if not self.trouble and len(self._rows) < BATCH:
            self._housekeep(now)

    # -- storing ---------------------------------------------------------------------------------------------------------

    def _flush(self, now):
        """One batch into the database, then to the broker as acknowledged."""
        rows, refused = self._rows[:4 * BATCH], list(self._refused)
        began = time.monotonic()
        try:
            if rows or refused:
                with self._store.transaction() as store:
                    new = store.add_messages(rows)
                    if refused:
                        store.execute_many("insert into refused (ms, topic, reason, size, head) values (?, ?, ?, ?, ?)", refused)
        except StoreError as e:
            return self._store_failed(e, now)
        again = self._failing > 0   # perhaps it was committed, and only the answer was lost
        if self.trouble:
            self.log.info("database works again", waiting=len(self._rows))
            self.tell(wall_ms(), "", "database", "works again")
            self.trouble, self._failing, self._retry_at = None, 0, 0.0
        if rows or refused:
            took = time.monotonic() - began
            self.counters.commits += 1
            self.counters.commit_s += took
            self.counters.commit_s_max = max(self.counters.commit_s_max, took)
            self.counters.lag_s_max = max(self.counters.lag_s_max, time.monotonic() - self._since)
        if len(rows) == len(self._rows):
            # Only with the last of them everything is stored that came before the acknowledged ones.
            mids, self._mids = self._mids, []
            self._rows, self._since = [], 0.0
            self.counters.waiting_bytes = 0
            if self.link.open:
                self.link.ack(mids)
        else:
            del self._rows[:len(rows)]
            self.counters.waiting_bytes = sum(len(r.payload) + 200 for r in self._rows)
        self._refused.clear()
        if rows:
            self._stored(rows, new, again)

    def _stored(self, rows, new, again):
        counters, ledger = self.counters, self.ledger
        following = self.sharing is not None    # then the table tells us of our own messages as well
        for row, fresh in zip(rows, new):
            if fresh or again and not following and row.epoch >= 0 and ledger.unseen(row.device, row.epoch, row.seq):
                counters.stored += 1
                if not following:
                    self.note(row)
            elif row.retained:
                counters.replayed += 1
            else:
                counters.duplicates += 1
                ledger.duplicate(row.device, row.epoch)
                self.fleet.stored(row, False)
                self._dirty[row.device] = True

    def note(self, row):
        """A new message is in the database: ledger and fleet learn of it."""
        if row.epoch >= 0:
            gap = self.ledger.note(row.device, row.epoch, row.seq, row.received_ms)
            if gap:
                self.resend.opened(gap, row.received_ms)
        self.fleet.stored(row, True)
        self._dirty[row.device] = True

    def _store_failed(self, e, now):
        self.counters.store_failures += 1
        self._retry_at = now + RETRY_S[min(self._failing, len(RETRY_S) - 1)]
        self._failing += 1
        if self.trouble != str(e):
            self.trouble = str(e)
            self.log.error("database does not take messages; they stay with the broker", why=str(e), waiting=len(self._rows))
            self.tell(wall_ms(), "", "database", str(e))

    def _checkpoint(self):
        """Writes the ledger down. What fails is written next time."""
        try:
            if self.acting():
                keeping.checkpoint(self._store, self.ledger, self.sharing and self.sharing.last_id)
        except StoreError as e:
            self.log.warning("checkpoint put off", why=str(e))

    def _write_events(self, store, now_ms):
        keeping.write_events(store, self._events)
        keeping.write_schemas(store, self._bare.new_schemas)
        if self.acting():
            keeping.write_devices(store, self.ledger, self.fleet, self.presence, self._dirty, DEVICES_AT_ONCE)
        else:
            self._dirty.clear()

    def _housekeep(self, now):
        for job in self._housekeeping:
            if now >= job[0]:
                try:
                    more = job[2](self._store, wall_ms())
                except StoreError as e:
                    more = False
                    self.log.warning("housekeeping put off", why=str(e))
                job[0] = now if more else now + job[1]
                self._housekeeping.remove(job)
                self._housekeeping.append(job)      # the others first, next time
                return

    # -- the rest --------------------------------------------------------------------------------------------------------

    def topic_of(self, device, below):
        return "%s%s/%s" % (self._prefix, device, below)

    def ping(self, device):
        """Asks a node for a sign of life (R14)."""
        now_ms = wall_ms()
        self.counters.pings += 1
        self._bare.pinged(device, now_ms)
        return self.link.publish(self.topic_of(device, "cmd/ping"), b'{"type":"ping","timestamp":%d}' % now_ms)

    def command(self, device, name, body, who):
        """Sends cmd/<name> to a node. False when the broker is not there."""
        sent = self.link.publish(self.topic_of(device, "cmd/" + name), body, qos=1)
        if sent and who:
            self.tell(wall_ms(), device, "command", "%s by %s" % (name, who))
        return sent

    def forget(self, device):
        """A node that is no more. What it has sent stays. Raises StoreError; then nothing is forgotten."""
        with self._store.transaction() as store:
            for table in ("device", "stream", "gap"):
                store.execute("delete from %s where device = ?" % table, (device,))
        self.presence.forget(device)
        self.ledger.forget(device)
        self.fleet.nodes.pop(device, None)
        self._bare.forget(device)
        self._dirty.pop(device, None)

    def changed(self, device):
        """What is known of this node is to be written down."""
        self._dirty[device] = True

    def tell(self, now_ms, device, kind, detail):
        self._events.append((now_ms, device, kind, detail))
        self._tell(now_ms, device, kind, detail)

    def acting(self):
        """Whether this monitor pings, asks and alarms; of several that share a database only one does."""
        return self.sharing is None or self.sharing.leads

    def _scan(self, now_ms):
        settings = self._settings
        if self.sharing:
            self.sharing.turn(now_ms)
            if not self.sharing.leads:
                return
        for device in self.presence.scan(now_ms, settings.pings_per_s * SCAN_MS // 1000):
            self.ping(device)
        if settings.resend and self.link.connected:
            watches = self.presence.watches
            for device, epoch, ranges in self.resend.due(now_ms, lambda d: d in watches and watches[d].state == ONLINE, RESENDS_PER_SCAN):
                body = json.dumps({"b": epoch, "r": ranges}, separators=(",", ":")).encode()
                self.link.publish(self.topic_of(device, "cmd/resend"), body, qos=1)
        self.scanned(now_ms)

    def _measure(self, now):
        counters = self.counters
        counters.waiting = len(self._rows)
        counters.lag_s = now - self._since if self._since else 0.0
        counters.lag_s_max = max(counters.lag_s_max, counters.lag_s)
        if now >= self._minute_at:
            self._minute_at = now + MINUTE_S
            counters.commit_s_max, counters.lag_s_max = 0.0, counters.lag_s

    def _presence_changed(self, watch, old, why):
        now_ms = wall_ms()
        device = watch.device
        if watch.state == ONLINE:
            self.fleet.back(device, now_ms)
            self.resend.back(device, now_ms)
        elif watch.state == SLEEPING:
            self.fleet.back(device, now_ms)
        else:
            self.fleet.away(device, watch.heard_ms)
        self._dirty[device] = True
        node = self.fleet.nodes.get(device)
        if old == UNKNOWN and watch.state == ONLINE and node and node.messages:
            return      # as before the monitor was started
        self.tell(now_ms, device, "presence", "%s: %s" % (watch.state, why))
        (self.log.debug if UNKNOWN in (old, watch.state) else self.log.info)("presence", device=device, state=watch.state, was=old, why=why)

    def _bare_key(self, kept, below, payload):
        if kept:
            digest = hashlib.sha256(below.encode() + b"\0" + payload).digest()
            return KEPT_EPOCH, int.from_bytes(digest[:7], "big")
        self._bare_us = max(time.time_ns() // 1000, self._bare_us + 1)
        return BARE_EPOCH, self._bare_us << 10 | self._bare_bits

    def refuse(self, reason, topic, payload):
        self.counters.refused["schema" if reason.startswith("schema ") else reason] += 1     # what a node made up is no label
        if not self._since:
            self._since = time.monotonic()
        self._refused.append((wall_ms(), topic.replace("\0", "?"), reason, len(payload), bytes(payload[:HEAD])))

