"""The monitor as a whole: puts link, store, collector, alarms, retention and page together, starts and ends them in the right order."""

import time

from ..errors import BenchError
from .alarms import Alarms
from .collector import Collector, wall_ms
from .hooks import TopicHook, make_hooks
from .link import Link
from .retention import Retention
from .sharing import Sharing
from .store import open_store

RETENTION_S = 30


class Monitor:
    """settings: settings.Settings. log: logs.Log. start() and stop() from one thread."""

    def __init__(self, settings, log):
        self.settings, self.log = settings, log
        self.name = settings.client_id
        self.started_ms = wall_ms()
        self._listeners = []        # fn(ms, device, kind, detail), called in the collector's thread
        tls, password = settings.tls_context(), settings.password()     # complain before anything is touched
        self.store = open_store(settings.database, settings.durable)
        self.collector = Collector(settings, self.store, self._tell, self._ring, log)
        # Not below <base>/, where it would look like a node.
        self.topic = "%s-monitor/%s" % (settings.base, self.name)
        filters = ["%s/+/#" % settings.base]
        if settings.shared:
            # The messages are shared out; what a node says about itself outside of envelopes goes to every monitor.
            filters = ["$share/%s/%s" % (settings.shared, filters[0])] + [
                "%s/+/%s" % (settings.base, below) for below in ("status", "pong", "gone", "reply", "schema/#")]
            self.collector.sharing = Sharing(self.collector, self.store, log)
        self.collector.topic = self.topic
        self.link = Link(self.collector, settings.broker_address, self.name, filters, settings.user, password, tls,
                         will=(self.topic + "/status", b"offline"), inflight=settings.inflight)
        self.collector.link = self.link
        hooks = make_hooks(settings.hooks, self.link.publish)
        if not any(isinstance(hook, TopicHook) for hook in hooks):
            hooks.append(TopicHook("%s-monitor/alarm" % settings.base, self.link.publish))
        self.alarms = Alarms(hooks, self.name, self.collector.counters, self.collector.call, log)
        self.collector.scanned = self.alarms.flush
        self.collector.every(0.5, self.alarms.write)
        self.collector.every(3600, self.alarms.purge)
        retention = Retention(settings, self.collector, log)
        self.collector.every(RETENTION_S, lambda store, now_ms: self.collector.acting() and retention.run(store, now_ms))
        self.web = None

    def start(self):
        """Raises BenchError when the database or the port for the page cannot be used. The broker may be away: it is waited for."""
        now_ms = wall_ms()
        self.collector.restore(now_ms)
        self.alarms.restore(self.store, now_ms)
        if self.settings.listen_address:
            try:
                from .web import Web
            except ImportError as e:
                raise BenchError("the page needs the package %s: pip install 'holdfast[monitor]', or --listen ''" % e.name) from None
            self.web = Web(self).start()
            self.log.info("page", url=self.web.url, token_in=self.web.token_place)
        self.collector.tell(now_ms, "", "monitor", "started")
        self.link.start()
        return self

    def run(self):
        """Until Ctrl-C, or until something has failed for good. Raises BenchError then."""
        try:
            while self.link.alive():
                time.sleep(0.5)
            raise BenchError("the collector has ended: %r" % self.link.crashed)
        finally:
            self.stop()

    def stop(self):
        if self.web:
            self.web.stop()
        self.collector.call(self.collector.tell, wall_ms(), "", "monitor", "stopped")
        self.link.stop()
        self.alarms.close()
        self.store.close()

    def listen(self, fn):
        self._listeners.append(fn)

    # -- in the collector's thread ------------------------------------------------------------------------------------------

    def _tell(self, ms, device, kind, detail):
        for fn in self._listeners:
            fn(ms, device, kind, detail)

    def _ring(self, watch, kind, why):
        self.collector.changed(watch.device)
        self.collector.tell(wall_ms(), watch.device, "alarm", kind or "over")
        self.alarms.ring(watch, kind, why)

    # -- health (any thread) -------------------------------------------------------------------------------------------------

    def live(self):
        """Whether the process does its work at all; if not, it should be started anew."""
        return self.link.alive()

    def ready(self):
        """(whether messages are being collected, what stands in the way)."""
        if not self.link.alive():
            return False, "the collector has ended"
        if not self.link.connected:
            return False, "broker: %s" % self.link.why_down
        if self.collector.trouble:
            return False, "database: %s" % self.collector.trouble
        return True, ""


