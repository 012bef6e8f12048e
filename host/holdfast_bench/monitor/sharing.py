"""Several monitors, one database: each stores its share of the messages, all follow the table, one of them – the leader – acts for all.

The leader pings, asks for missing messages, raises alarms and writes ledger and nodes down; the others show what it wrote. When it is gone, another
takes its place within seconds, for the lock that makes it leader ends with its connection. Runs in the collector's thread.
"""

import time

from . import keeping
from .presence import ONLINE
from .store import Row, StoreError

SLICE = 5000
LEAD_S = 1.0        # how often the lock is looked at
MIRROR_S = 2.0      # how often a follower reads what the leader wrote


class Sharing:
    def __init__(self, collector, store, log):
        self._collector, self._store, self._log = collector, store, log
        self.leads = False
        self.last_id = 0    # of the last message followed
        self._lead_at = self._mirror_at = 0.0

    def turn(self, now_ms):
        """After every scan: follow, and find out who leads. Never raises: a database that is away is the collector's trouble already."""
        now = time.monotonic()
        try:
            if now >= self._lead_at:
                self._lead_at = now + LEAD_S
                self._look_who_leads(now_ms)
            self._follow(now_ms)
            if not self.leads and now >= self._mirror_at:
                self._mirror_at = now + MIRROR_S
                self._mirror(now_ms)
        except StoreError as e:
            self._log.debug("following put off", why=str(e))

    def _look_who_leads(self, now_ms):
        leads = self._store.lead()
        if leads == self.leads:
            return
        self.leads = leads
        self._log.info("leads" if leads else "follows")
        collector = self._collector
        if leads:
            self._mirror(now_ms)
            if collector.link.connected:
                collector.presence.link(True, now_ms)   # whoever was silent while nobody led is given his time
            for gap in list(collector.ledger.open_gaps()):
                collector.resend.opened(gap, now_ms)
        collector.tell(now_ms, "", "monitor", "%s %s" % (collector.link.client_id, "leads" if leads else "follows"))

    def _follow(self, now_ms):
        collector = self._collector
        while True:
            rows = self._store.query("select id, device, epoch, seq, topic, payload, qos, retained, envelope, sent_ms, received_ms, trace from message "
                                     "where id > ? order by id limit ?", (self.last_id, SLICE))
            for each in rows:
                row = Row(*each[1:])
                if collector.fleet.node(row.device, row.received_ms) is None:
                    continue
                if not row.retained and now_ms - row.received_ms < 2000:
                    collector.presence.heard(row.device, row.received_ms)
                else:
                    collector.presence.watch(row.device, row.received_ms)
                collector.note(row)
            if rows:
                self.last_id = rows[-1][0]
            if len(rows) < SLICE:
                return

    def _mirror(self, now_ms):
        """What the leader found out about the nodes."""
        collector = self._collector
        for device, first_ms, last_ms, presence, since_ms, alarm, alarm_ms in self._store.query(
                "select device, first_ms, last_ms, presence, presence_ms, alarm, alarm_ms from device"):
            if collector.fleet.node(device, first_ms) is not None:
                watch = collector.presence.watches.get(device)
                if watch is None or watch.state != presence and since_ms >= watch.since_ms or watch.alarm != alarm:
                    collector.presence.restore(device, presence, since_ms, alarm, alarm_ms, last_ms, now_ms, trusted=presence == ONLINE)
        for device, epoch, purged in self._store.query("select device, epoch, purged from stream where purged > 0"):
            collector.ledger.purge(device, epoch, purged, now_ms)
        keeping.forget_changes(collector.ledger)
