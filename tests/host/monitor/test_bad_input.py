"""Whatever arrives is counted, kept or refused visibly, and the next message is collected as ever."""

import random
import time

import pytest
from waiting import until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_collecting import rows, stored


def refused(monitor):
    reader = monitor.store.reader()
    try:
        return [tuple(r) for r in reader.query("select topic, reason, size from refused order by id")]
    finally:
        reader.close()


def test_garbage_is_kept_bare_and_broken_envelopes_are_refused(monitor, nodes):
    node = nodes("hf-1")
    node.raw("sensor/x", b"\x00\xff garbage \xf5")
    node.raw("sensor/x", b'{"i":-5,"b":1,"p":"x"}')
    node.raw("sensor/x", b'{"i":1,"b":1,"p":["x"]}')
    node.raw("sensor/x", b"\xf5H broken frame")
    node.raw("gone", b"\xff")
    node.raw("gone", b'{"b":1,"r":[["a",2]]}')
    node.raw("pong", b"[[[")
    node.raw("status", b"\xff\xfe")
    node.publish("fine")
    found = stored(monitor, 2)
    assert [r[4] for r in found] == [b"\x00\xff garbage \xf5", b"fine"]
    told = until(lambda: len(refused(monitor)) >= 4 and refused(monitor))
    assert [r[1].split(":")[0] for r in told][:4] == ["envelope", "envelope", "frame", "gone"]
    assert sum(monitor.collector.counters.refused.values()) == len(told)


def test_a_clock_in_1970_is_no_time_and_is_counted(monitor, nodes):
    node = nodes("hf-1")
    node.publish("a", t=5000)
    node.publish("b", t=946684800000 + 77)
    stored(monitor, 2)
    assert [r[0] for r in rows(monitor, "sent_ms")] == [None, None] and monitor.collector.counters.odd_clocks == 2


def test_a_megabyte_is_kept_and_more_is_refused(monitors, nodes):
    monitor = monitors(payload_max=1 << 20)
    until(lambda: monitor.link.connected)
    node = nodes("hf-1")
    node.raw("sensor/big", b"x" * (1 << 20))
    node.raw("sensor/big", b"y" * ((1 << 20) + 1))
    node.publish("after")
    found = stored(monitor, 2)
    assert [len(r[4]) for r in found] == [1 << 20, 5]
    assert until(lambda: refused(monitor)) == [("holdfast/hf-1/sensor/big", "payload longer than 1048576 bytes", (1 << 20) + 1)]


@pytest.mark.parametrize("topic", ["holdfast/hf-1/" + "x" * 500, "holdfast/hf-1", "holdfast/" + "d" * 65 + "/x", "holdfast//x", "holdfast/a/b\u202e"])
def test_hostile_topics_are_refused_visibly(monitor, nodes, topic):
    node = nodes("hf-1")
    node._client.publish(topic, "x", 1)
    node.publish("fine")
    stored(monitor, 1)
    if topic != "holdfast/hf-1":    # it is not what is subscribed to
        assert until(lambda: refused(monitor))[0][0] == topic[:400]


def test_names_that_mean_something_elsewhere_are_only_names(monitor, nodes):
    names = ["<script>alert(1)<", "'; drop table message; --", "..", "a\"b", "näme", "%2e%2e", "$x", "${jndi}", "constructor", "__proto__"]
    node = nodes("hf-1")
    for name in names:
        node._client.publish("holdfast/%s/sensor/<b>" % name, '{"i":1,"b":1,"p":"x"}', 1)
    stored(monitor, len(names))
    assert {r[0] for r in rows(monitor)} == set(names)


def test_too_many_nodes_are_refused(monitors, nodes):
    monitor = monitors(nodes_max=5)
    until(lambda: monitor.link.connected)
    node = nodes("hf-1")
    for n in range(20):
        node._client.publish("holdfast/n%d/x" % n, '{"i":1,"b":1,"p":"x"}', 1)
    until(lambda: sum(monitor.collector.counters.refused.values()) == 16)
    assert len(rows(monitor)) == 4 and len(monitor.collector.presence.watches) <= 5


def test_ten_thousand_pieces_of_noise_and_the_next_message_is_collected(monitor, nodes):
    rng = random.Random(5)
    node = nodes("hf-1")
    words = [b'{"i":', b'"b":', b'"p":', b"1", b"}", b"\xf5H", b"\x01\x01", b"null", b'"', b"[", b"-", b"9" * 30, b"\xff"]
    topics = ["sensor/x", "status", "pong", "gone", "reply", "ping", "metrics", "log", "schema/05/x", "schema/", "cmd/x", "x/y/z"]
    for _ in range(3000):
        node.raw(rng.choice(topics), b"".join(rng.choice(words) for _ in range(rng.randrange(12))), qos=0)
    node.publish("fine")
    until(lambda: [r for r in rows(monitor) if r[4] == b"fine"], 60)
    assert monitor.live()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["sensor/x", "status", "pong", "gone", "reply", "ping", "metrics", "log", "schema/05/x", "", "a\x01b", "a\nb"]),
                          st.binary(max_size=60) | st.sampled_from([b'{"b":1,"r":[[1,5]]}', b"sleeping 10", b'{"i":1,"b":1,"p":"{\\"boots\\":3}"}', b'{"i":9,"b":4294967295,"p":""}']),
                          st.booleans()), max_size=12))
def test_any_payload_on_any_topic_in_the_collectors_own_thread(tmp_path, messages):
    collector = offline_collector(tmp_path)
    for below, payload, retain in messages:
        collector.received(("holdfast/n/" + below).encode(), payload, 0, int(retain), 0, 0)
    collector._since = 1e-9     # no lingering
    collector.turn(time.monotonic())
    assert not collector._rows and collector.trouble is None
    collector._store.close()


def test_what_a_node_makes_up_is_no_label_of_a_metric(tmp_path):  # R39
    collector = offline_collector(tmp_path)
    for n in range(500):
        collector.received(b"holdfast/n/schema/05/x", b'{"s":5,"f":[{"n":"name%d","t":"?"}]}' % n, 0, 0, 0, 0)
    assert sum(collector.counters.refused.values()) == 500 and set(collector.counters.refused) == {"schema"}
    collector._store.close()


@pytest.mark.parametrize("below", ["status", "gone", "reply", "schema/05/x", "ping", "pong"])
def test_what_comes_outside_of_envelopes_is_no_longer_than_a_message_either(tmp_path, below):
    collector = offline_collector(tmp_path)
    collector.received(b"holdfast/n/" + below.encode(), b"[" * (2 << 20), 0, 0, 0, 0)
    assert dict(collector.counters.refused) == {"payload longer than 1048576 bytes": 1}
    collector._store.close()


class Clock:
    """time, for a module under test."""

    def __init__(self):
        self.s = 1_800_000_000.0

    def monotonic(self):
        return self.s

    def time_ns(self):
        return int(self.s * 1e9)


def test_a_broker_gone_for_a_day_alarms_nobody_and_loses_nothing(tmp_path, monkeypatch):  # R20, R34, R40
    """Nobody is judged while nobody can be heard; what waited at the broker is stored once; whoever is silent then is told within seconds."""
    from holdfast_bench.monitor import collector as module

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    rung, log = [], []
    collector = offline_collector(tmp_path, lambda watch, kind, why: rung.append((watch.device, kind)), log.append)
    alive = {"n%d" % n for n in range(20)} - {"n7"}

    def message(device, seq, retain=0):
        collector.received(b"holdfast/%s/sensor/x" % device.encode(), b'{"i":%d,"b":1,"p":"x"}' % seq, 1, retain, 0, 1)

    def run(seconds, step=0.25, answering=()):
        for _ in range(round(seconds / step)):
            clock.s += step
            collector.turn(clock.s)
            while collector.link.sent:
                topic, payload = collector.link.sent.pop(0)[:2]
                device = topic.split("/")[1]
                if topic.endswith("/cmd/ping") and device in answering:
                    collector.received(b"holdfast/%s/pong" % device.encode(), bytes(payload).replace(b"ping", b"pong"), 0, 0, 0, 0)
    everybody = alive | {"n7"}
    collector.up(False)
    for device in sorted(everybody):
        collector.received(b"holdfast/%s/status" % device.encode(), b"online", 1, 0, 0, 1)
        message(device, 1)
    run(30, answering=everybody)
    assert collector.presence.counts["online"] == 20 and not rung

    collector.link.connected = collector.link.open = False
    told = len(log)
    for _ in range(24 * 360):
        collector.down("connection refused")
        run(10, 5)
    assert not rung and not collector._rows and not collector._mids and len(collector._events) < 100
    assert len([line for line in log[told:] if '"warning"' in line]) < 5, "the same trouble is told once"

    collector.link.connected = collector.link.open = True
    collector.up(True)
    for seq in range(2, 102):
        for device in sorted(alive):
            if seq != 50:
                message(device, seq)
    run(30, answering=alive)
    assert rung == [("n7", "offline")]
    assert collector.counters.stored == 20 + 99 * 19 and collector.ledger.missing == 19
    assert len(collector._store.query("select 1 from message")) == collector.counters.stored
    collector._store.close()


def test_a_broker_gone_for_a_day_is_tried_all_day_and_never_hammered(monkeypatch):  # R1, R3
    from holdfast_bench.monitor import link as module

    clock, pauses = Clock(), []
    monkeypatch.setattr(module, "time", clock)

    class Owner:
        def down(self, why):
            assert why == "Connection refused"

    link = module.Link(Owner(), ("broker.invalid", 1883), "m", [])

    def refused():
        clock.s += 0.01
        raise ConnectionRefusedError(111, "Connection refused")

    def pause(seconds):
        pauses.append(seconds)
        clock.s += seconds
        link._stopping = clock.s >= 1_800_000_000 + 86_400
    monkeypatch.setattr(link, "_session", refused)
    monkeypatch.setattr(link, "_pause", pause)
    link._run()
    assert sum(pauses[:5]) < 5 and max(pauses) <= 10 and 86_400 / 10 < len(pauses) < 86_400
    assert len(set(pauses)) > 1000, "with jitter"


def offline_collector(folder, ring=lambda *a: None, told=lambda line: None):
    import io

    from holdfast_bench.monitor.collector import Collector
    from holdfast_bench.monitor.logs import Log
    from holdfast_bench.monitor.settings import Settings
    from holdfast_bench.monitor.store import open_store

    class Link:
        connected = open = True
        at, version = ("broker.invalid", 1883), 5

        def __init__(self):
            self.sent = []

        def publish(self, *args, **kwargs):
            self.sent.append(args)
            return self.connected

        def ack(self, mids):
            pass

        def wake(self):
            pass

    class Lines(io.StringIO):
        def write(self, text):
            told(text)
    collector = Collector(Settings(), open_store(folder / "m.db", durable=False), lambda *a: None, ring, Log(Lines()))
    collector.link = Link()
    return collector
