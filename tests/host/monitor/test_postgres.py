"""The same monitor on a real PostgreSQL, and two of them that share the load (R34)."""

import threading
import time

import pytest
from waiting import until
from postgres_server import Server, find
from test_kill import check, held, killed_under_load

from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from holdfast_bench.monitor.load import Load
from holdfast_bench.monitor.trial import CONF, MonitorProcess

pytest.importorskip("psycopg", reason="PostgreSQL: the package psycopg is not installed")
pytestmark = [pytest.mark.skipif(not find(), reason="PostgreSQL is not installed"), pytest.mark.timeout(400), pytest.mark.xdist_group("postgres")]
needs_mosquitto = pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed")


@pytest.fixture(scope="module")
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def database(server, request):
    return server.new_database("t%d" % (hash(request.node.name) % 10**9))


def rows(monitor, columns="device, epoch, seq, topic, payload, arrivals"):
    reader = monitor.store.reader()
    try:
        return [tuple(r) for r in reader.query("select %s from message order by device, epoch, seq" % columns)]
    finally:
        reader.close()


def test_once_with_gaps_and_duplicates(monitors, nodes, database):  # R20, R28, R34
    monitor = monitors(database=database)
    until(lambda: monitor.link.connected)
    node = nodes("hf-1", keeps=lambda seq: seq != 5)
    for n in range(1, 11):
        node.publish(b"\x00%d\xff" % n, lose=n in (3, 5))
    node.repeat(4)
    until(lambda: monitor.collector.ledger.recovered == 1 and monitor.collector.ledger.lost == 1 and monitor.collector.counters.duplicates == 1)
    assert rows(monitor) == [("hf-1", 1, n, "sensor/temp", b"\x00%d\xff" % n, 2 if n == 4 else 1) for n in range(1, 11) if n != 5]
    monitors.stop(monitor)
    again = monitors(database=database)
    stream = again.collector.ledger.streams("hf-1")[1]
    assert (stream.top, stream.received, stream.duplicates, stream.missing) == (10, 9, 1, 0)


def test_the_server_goes_and_comes_back(monitors, nodes, database, server):
    monitor = monitors(database=database)
    until(lambda: monitor.link.connected)
    node = nodes("hf-1")
    node.publish("a")
    until(lambda: len(rows(monitor)) == 1)
    server.stop()
    for _ in range(100):
        node.publish("b")
    until(lambda: monitor.collector.trouble)
    assert "PostgreSQL" in monitor.ready()[1] and monitor.live()
    server.start()
    until(lambda: monitor.ready()[0], 60)
    until(lambda: len(rows(monitor)) == 101, 60)
    assert monitor.collector.ledger.streams("hf-1")[1].received == 101


@needs_mosquitto
def test_killed_twice_under_load(tmp_path, database):
    check(*killed_under_load(tmp_path, times=2, rate=600, seed=3, database=database))


@needs_mosquitto
def test_two_monitors_share_the_load_and_one_is_killed(tmp_path, database):
    import asyncio
    with Mosquitto(extra=CONF) as broker:
        at = (broker.host, broker.port)
        arguments = ["--broker", "%s:%d" % at, "--database", database, "--shared", "all"]
        both = [MonitorProcess(tmp_path, arguments, name) for name in ("east", "west")]
        try:
            for each in both:
                each.wait_ready()
            load = Load(at, 200, 800, seconds=3600)
            thread = threading.Thread(target=asyncio.run, args=(load.run(),), daemon=True)
            thread.start()
            time.sleep(4)
            shares = [each.summary()["stored"] for each in both]
            assert min(shares) > 0.2 * sum(shares), "the broker shares them out"
            both[0].kill()      # whoever leads: half of the times this one
            time.sleep(2)
            both[0].start().wait_ready()
            load.seconds = 0
            thread.join(120)
            assert load.acked == load.sent
            until(lambda: held(database, load)[0] == load.acked, 120, 0.3)
            for each in both:   # both know everything
                until(lambda: each.summary()["missing"] == 0, 120, 0.3)
                assert each.summary()["nodes"]["online"] == 200
            summary = both[0].summary()
            assert [each.end() for each in both] == [0, 0]
        finally:
            for each in both:
                each.end()
    check(load, summary, database)
