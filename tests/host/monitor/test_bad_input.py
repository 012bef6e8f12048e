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


def offline_collector(folder):
    import io

    from holdfast_bench.monitor.collector import Collector
    from holdfast_bench.monitor.logs import Log
    from holdfast_bench.monitor.settings import Settings
    from holdfast_bench.monitor.store import open_store

    class Link:
        connected = open = True

        def publish(self, *args):
            return True

        def ack(self, mids):
            pass

        def wake(self):
            pass
    collector = Collector(Settings(), open_store(folder / "m.db", durable=False), lambda *a: None, lambda *a: None, Log(io.StringIO()))
    collector.link = Link()
    return collector
