"""kill -9 at any moment under load: the database holds each accepted message exactly once (R34), and gaps and alarms go on as if nothing had been."""

import asyncio
import random
import threading
import time

import pytest

from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from holdfast_bench.monitor.load import Load
from holdfast_bench.monitor.store import open_store
from holdfast_bench.monitor.trial import CONF, MonitorProcess

pytestmark = [pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"), pytest.mark.timeout(400)]


def killed_under_load(tmp_path, times, rate, seed, database=None):
    """Kills the monitor `times` times while 200 nodes publish; returns (load, the monitor's summary at the end, database)."""
    rng = random.Random(seed)
    database = database or str(tmp_path / "m.db")
    with Mosquitto(extra=CONF) as broker:
        at = (broker.host, broker.port)
        process = MonitorProcess(tmp_path, ["--broker", "%s:%d" % at, "--database", database])
        try:
            process.wait_ready()
            load = Load(at, 200, rate, seconds=3600)
            thread = threading.Thread(target=asyncio.run, args=(load.run(),), daemon=True)
            thread.start()
            for _ in range(times):
                time.sleep(rng.uniform(0.05, 0.8))
                process.kill()
                process.start().wait_ready()
            load.seconds = 0
            thread.join(120)
            assert not thread.is_alive() and load.acked == load.sent
            deadline = time.monotonic() + 120
            while process.summary()["waiting"] or held(database, load)[0] < load.acked:
                assert time.monotonic() < deadline, (held(database, load), load.acked)
                time.sleep(0.2)
            summary = process.summary()
            assert process.end() == 0
        finally:
            process.end()
    return load, summary, database


def held(database, load):
    """(messages, distinct ones) of the load in the database."""
    store = open_store(database).reader()
    try:
        return store.one("select count(*), count(distinct device || ':' || seq) from message where epoch = ?", (load.epoch,))
    finally:
        store.close()


def check(load, summary, database):
    assert tuple(held(database, load)) == (load.acked, load.acked)
    store = open_store(database).reader()
    per_node = {device: (n, first, last) for device, n, first, last in store.query(
        "select device, count(*), min(seq), max(seq) from message where epoch = ? group by device", (load.epoch,))}
    assert all(per_node[node.device] == (node.seq, 1, node.seq) for node in load.nodes if node.seq)
    assert summary["missing"] == 0
    received = dict(store.query("select device, received from stream where epoch = ?", (load.epoch,)))
    assert all(received[node.device] == node.seq for node in load.nodes if node.seq), "the ledger counts what the database holds"
    store.close()


def test_killed_five_times_under_load(tmp_path):
    load, summary, database = killed_under_load(tmp_path, times=5, rate=800, seed=1)
    assert load.sent > 1000
    check(load, summary, database)


@pytest.mark.soak
def test_killed_fifty_times_under_load(tmp_path):
    check(*killed_under_load(tmp_path, times=50, rate=2000, seed=2))
