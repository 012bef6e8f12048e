"""Export and retention: what is asked for and nothing else; what is old goes, and does not come back as new."""

import csv
import json
import time

import pytest
from waiting import until
from test_collecting import rows

from holdfast_bench.errors import BenchError
from holdfast_bench.monitor import export as exporting
from holdfast_bench.monitor import retention
from holdfast_bench.monitor.store import Row, open_store

DAY = 86_400_000


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "m.db"
    store = open_store(path, durable=False)
    with store.transaction():
        store.add_messages([Row("hf-%d" % (n % 2), 1, n, "sensor/temp" if n % 3 else "sensor/hum", b"%d.5" % n, 1, 0, "json", None if n == 4 else DAY * n, DAY * n + 5, None)
                            for n in range(1, 101)])
        store.add_messages([Row("hf-0", -1, 77, "raw", b"\xff\x00", 0, 0, "none", None, DAY * 200, None), Row("=cmd()", 2, 1, "t", b"=1+1", 1, 0, "json", 1, DAY * 201, "tr-1"),
                            Row("hf-0", 1, 500, "sensor/air", b"\x00\xd7", 1, 0, "json", None, DAY * 202, None, 5)])
        store.execute("insert into schema values ('hf-0', '05/sensor/air', ?)", (json.dumps({"s": 5, "f": [{"n": "temp", "c": "h", "k": 10}]}),))
    store.close()
    return path


def read(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def test_everything_as_csv(database, tmp_path):
    assert exporting.export(database, tmp_path / "all.csv") == 103
    found = read(tmp_path / "all.csv")
    assert found[0] == {"device": "hf-1", "epoch": "1", "number": "1", "topic": "sensor/temp", "sent": "1970-01-02T00:00:00.000Z", "received": "1970-01-02T00:00:00.005Z",
                        "qos": "1", "arrivals": "1", "trace": "hf-1:1:1", "payload": "1.5", "value": "1.5"}
    assert found[3]["sent"] == "" and found[100]["payload"] == "ff00" and found[100]["epoch"] == ""
    assert found[101]["device"] == "'=cmd()" and found[101]["payload"] == "'=1+1", "no formula for a spreadsheet"
    assert found[102]["payload"] == '{"temp": 21.5}' and found[102]["value"] == "21.5"


def test_by_device_topic_and_time(database, tmp_path):
    out = tmp_path / "some.csv"
    assert exporting.export(database, out, device="hf-1", topic="sensor/temp", since_ms=10 * DAY, until_ms=20 * DAY) == 4
    assert [int(r["number"]) for r in read(out)] == [11, 13, 17, 19]
    assert exporting.export(database, out, topic="sensor/#") == 101 and exporting.export(database, out, topic="+") == 2
    assert exporting.export(database, out, device="nobody") == 0 and read(out) == []


def test_as_parquet(database, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet: the package pyarrow is not installed")
    assert exporting.export(database, tmp_path / "all.parquet") == 103
    table = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert len(table) == 103 and table[0]["value"] == 1.5 and table[0]["received"].year == 1970 and table[101]["payload"] == "=1+1" and table[100]["number"] is None


def test_wrong_wishes_are_one_clear_error(database, tmp_path):
    for call, why in ((lambda: exporting.export(database, tmp_path / "x.xls"), ".csv or .parquet"), (lambda: exporting.export(tmp_path / "no.db", tmp_path / "x.csv"), "there is no database"),
                      (lambda: exporting.export(database, tmp_path / "no" / "x.csv"), "cannot write"), (lambda: exporting.moment("yesterday", "since"), "since: 'yesterday' is no time")):
        with pytest.raises(BenchError, match=why):
            call()
    assert not list(tmp_path.glob("*.part"))


def test_retention_by_age(monitors, nodes, monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 7)
    monitor = monitors(keep_days=1)
    until(lambda: monitor.link.connected)
    node = nodes("hf-1")
    for n in range(30):
        node.publish("x", lose=n == 20)
    until(lambda: monitor.collector.ledger.recovered == 1)

    def age_them():
        monitor.store.execute("update message set received_ms = received_ms - ? where seq <= 25", (2 * DAY,))
        for job in monitor.collector._housekeeping:
            job[0] = 0.0    # now
    monitor.collector.call(age_them)
    until(lambda: monitor.collector.counters.purged == 25)
    assert [r[2] for r in rows(monitor)] == list(range(26, 31))
    node.repeat(3)      # a late duplicate of what was deleted is not new
    node.repeat(28)
    until(lambda: monitor.collector.counters.late == 1 and monitor.collector.counters.duplicates == 1)
    monitors.stop(monitor)
    again = monitors(keep_days=1)
    until(lambda: again.link.connected)
    node.repeat(4)
    until(lambda: again.collector.counters.late == 1)
    assert [r[2] for r in rows(again)] == list(range(26, 31))


def test_retention_by_size(monitors, nodes):
    monitor = monitors(keep_mb=1)
    until(lambda: monitor.link.connected)
    node = nodes("hf-1")
    for n in range(40):
        node.raw("sensor/big", b"x" * 60_000)
    until(lambda: monitor.collector.counters.stored == 40)

    def now():
        for job in monitor.collector._housekeeping:
            job[0] = 0.0
    retention_slice, retention.SLICE = retention.SLICE, 5
    try:
        monitor.collector.call(now)
        until(lambda: monitor.collector.counters.purged >= 20)
        time.sleep(0.5)
        left = rows(monitor, "id")
        assert 5 <= len(left) <= 20 and max(r[0] for r in left) == 40, "the oldest go"
    finally:
        retention.SLICE = retention_slice
