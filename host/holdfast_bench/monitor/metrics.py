"""/metrics for Prometheus (R38, R39): the monitor's own work, and of every node what it told and what was seen of it."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from .fleet import BUCKETS_S
from .presence import ONLINE

STATES = ("unknown", "online", "offline", "sleeping")
# What nodes tell in their metrics: name there -> (name here, help).
TOLD = {"queued": ("backlog", "Messages waiting in the node"), "rtt_ms": ("broker_round_trip_ms", "Round trip between node and broker, as the node measures it"),
        "dropped": ("dropped", "Messages the node gave up since its start"), "faults": ("faults", "Connections lost or failed since its start"),
        "connects": ("connects", "Sessions opened since its start"), "rssi": ("signal_dbm", "Signal strength"), "boots": ("boots", "Starts of the node"), "outages": ("outages", "Outages it has come through since its start"),
        "outage_ms": ("outage_mean_ms", "Their mean length, as the node measures it"), "app_rtt_ms": ("receiver_round_trip_ms", "The node's own ping of its receiver"),
        "accepted": ("accepted", "Messages its application handed over since its start"), "free": ("heap_free_bytes", "Free heap")}


class _Families:
    def __init__(self, monitor):
        self._monitor = monitor

    def collect(self):
        yield from self._own()
        yield from self._nodes()

    def _own(self):
        monitor, collector = self._monitor, self._monitor.collector
        counters, ledger, presence = collector.counters, collector.ledger, collector.presence

        def counter(name, text, value):
            return CounterMetricFamily("holdfast_monitor_" + name, text, value=value)

        def gauge(name, text, value):
            return GaugeMetricFamily("holdfast_monitor_" + name, text, value=value)
        yield gauge("broker_connected", "Whether the monitor has a session at the broker", int(monitor.link.connected))
        yield gauge("database_ok", "Whether the database takes messages", int(collector.trouble is None))
        yield counter("broker_connects", "Sessions of the monitor", monitor.link.connects)
        yield counter("received", "PUBLISH packets received", counters.received)
        yield counter("received_bytes", "Payload bytes received", counters.bytes)
        yield counter("stored", "New messages stored", counters.stored)
        yield counter("duplicates", "Further arrivals of stored messages", counters.duplicates)
        yield counter("replayed", "Known messages out of the broker's retained store", counters.replayed)
        yield counter("late", "Messages older than what retention left", counters.late)
        yield counter("odd_clocks", "Time stamps that cannot be", counters.odd_clocks)
        yield counter("packed_unknown", "Packed payloads whose schema was not known when they came", counters.no_schema)
        yield counter("packed_misfits", "Packed payloads that do not fit their schema", counters.misfits)
        yield counter("foreign", "Messages on topics of no node", counters.foreign)
        yield counter("purged", "Messages deleted by retention", counters.purged)
        yield counter("commits", "Transactions of messages", counters.commits)
        yield counter("commit_seconds", "Time spent in them", counters.commit_s)
        yield gauge("commit_seconds_max", "The longest of the last minute", counters.commit_s_max)
        yield counter("store_failures", "Transactions that failed", counters.store_failures)
        yield gauge("waiting", "Messages received and not yet stored", counters.waiting)
        yield gauge("lag_seconds", "Age of the oldest of them", counters.lag_s)
        yield gauge("lag_seconds_max", "The greatest of the last minute", counters.lag_s_max)
        yield counter("pings", "Application pings sent", counters.pings)
        yield counter("pongs", "and answered", counters.pongs)
        yield counter("resend_requests", "Requests for missing messages", collector.resend.requests)
        yield gauge("missing", "Messages missing right now", ledger.missing)
        yield counter("gaps", "Gaps that opened", ledger.opened)
        yield counter("recovered", "Missing messages that came in the end", ledger.recovered)
        yield counter("gone", "Missing messages their node no longer has", ledger.lost)
        yield gauge("notice_late_seconds", "How much later than the bound silent nodes are noticed, for lack of pings", presence.late_ms / 1000)
        yield gauge("alarms", "Nodes with an alarm", presence.alarms)
        yield gauge("dead_letters", "Notifications nobody took", monitor.alarms.dead)
        refused = CounterMetricFamily("holdfast_monitor_refused", "Messages not stored, by reason", labels=["reason"])
        for reason, n in list(counters.refused.items()):
            refused.add_metric([reason], n)
        yield refused
        sent = CounterMetricFamily("holdfast_monitor_deliveries", "Notifications, by hook and result", labels=["hook", "result"])
        for (hook, result), n in list(counters.deliveries.items()):
            sent.add_metric([hook, result], n)
        yield sent
        states = GaugeMetricFamily("holdfast_monitor_nodes", "Nodes, by state", labels=["state"])
        for state in STATES:
            states.add_metric([state], presence.counts[state])
        yield states
        histogram, total, buckets = collector.fleet.reconnect, 0, []
        for bound, n in zip([*map(str, BUCKETS_S), "+Inf"], histogram.counts):
            total += n
            buckets.append((bound, total))
        yield HistogramMetricFamily("holdfast_monitor_reconnect_seconds", "From a node's last sign of life to its next one, over outages", buckets=buckets,
                                    sum_value=histogram.sum_s)

    def _nodes(self):
        collector = self._monitor.collector

        def family(name, text, kind=GaugeMetricFamily, labels=("node",)):
            return kind("holdfast_node_" + name, text, labels=list(labels))
        up, state, last = family("up", "Whether the node is online"), family("alarm", "Whether it has an alarm"), family("last_seen_seconds", "Its last message, Unix time")
        messages, again = family("messages", "New messages of it", CounterMetricFamily), family("duplicates", "Further arrivals", CounterMetricFamily)
        missing, refused = family("missing", "Messages of it missing right now"), family("refused", "Messages of it not stored", CounterMetricFamily)
        ping, back = family("ping_seconds", "Last application ping"), family("reconnects", "Times it came back", CounterMetricFamily)
        rate = family("connection_success_ratio", "Sessions opened of all tries since its start")
        resets = family("resets", "Restarts seen, by cause", CounterMetricFamily, ("node", "cause"))
        told = {name: family(ours, text) for name, (ours, text) in TOLD.items()}
        watches, ledger = collector.presence.watches, collector.ledger
        for device, node in list(collector.fleet.nodes.items()):
            watch = watches.get(device)
            if watch is None:
                continue
            label = [device]
            up.add_metric(label, watch.state == ONLINE)
            state.add_metric(label, watch.alarm is not None)
            last.add_metric(label, node.last_ms / 1000)
            messages.add_metric(label, node.messages)
            again.add_metric(label, node.duplicates)
            back.add_metric(label, node.reconnects)
            missing.add_metric(label, sum(s.missing for s in list(ledger.streams(device).values())))
            if node.refused:
                refused.add_metric(label, node.refused)
            if watch.rtt_ms is not None:
                ping.add_metric(label, watch.rtt_ms / 1000)
            numbers = node.numbers
            for name in told:
                if name in numbers:
                    told[name].add_metric(label, numbers[name])
            connects = numbers.get("connects", 0)
            tries = numbers.get("tries", connects + numbers.get("faults", 0))
            if tries > 0:
                rate.add_metric(label, min(1, connects / tries))
            for cause, n in list(node.resets.items()):
                resets.add_metric([device, cause], n)
        yield from (up, state, last, messages, again, missing, refused, ping, back, rate, resets, *told.values())


def exposition(monitor):
    """The text Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(monitor))
    return generate_latest(registry)
