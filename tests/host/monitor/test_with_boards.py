"""The monitor and the real firmware, on three twins: the standard check with the monitor as alarm (R45), ping, resend, restart (R14, R20, R40)."""

import json
import time

import pytest
from test_alarms import Receiver
from waiting import Lateness, until

from holdfast_bench.drivers.broker_mosquitto import find_mosquitto
from holdfast_bench.monitor.logs import Log
from holdfast_bench.monitor.service import Monitor
from holdfast_bench.monitor.settings import load
from holdfast_bench.places import twin
from holdfast_bench.session import Session

pytestmark = [pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"), pytest.mark.timeout(400)]
ALARM_S = 5.0


@pytest.fixture
def logins(monkeypatch):
    """What the twins' broker is told of users."""
    seen = {}
    original = twin.start_broker

    def start_broker(wanted, stack, **kwargs):
        seen.update(kwargs.get("users") or {})
        return original("mosquitto", stack, **kwargs)
    monkeypatch.setattr(twin, "start_broker", start_broker)
    return seen


def test_the_standard_check_with_the_monitor_as_alarm(logins, tmp_path, monkeypatch):
    receiver = Receiver()
    with Session("twin", boards=3, config={"app": {"period_ms": 1000}}) as session:
        (user, password), = logins.items()
        monkeypatch.setenv("HOLDFAST_MQTT_PASSWORD", password)
        log = open(tmp_path / "log", "w")
        monitor = Monitor(load(broker="%s:%d" % session.rig.broker.address, user=user, database=str(tmp_path / "m.db"), listen="", hooks=[{"url": receiver.url}]), Log(log))
        monitor.start()
        try:
            watches = monitor.collector.presence.watches
            until(lambda: sorted(watches) == ["b1", "b2", "b3"] and all(w.state == "online" for w in watches.values()))
            session.wait(3)
            for device in watches:      # R14: each answers the ping, over the air
                monitor.collector.call(monitor.collector.ping, device)
            until(lambda: all(w.rtt_ms is not None for w in watches.values()))

            began = time.monotonic()
            with session.fault("ap_gone", boards=["b2"]):
                with Lateness() as late:
                    until(receiver.bodies)
                took = receiver.got[0][0] - began
                session.wait(max(0.0, 30 - (time.monotonic() - began)))
            print("alarm after %.2f s, round trips %s ms" % (took, {d: w.rtt_ms for d, w in watches.items()}))
            assert took <= ALARM_S + 0.5 + late.s, "half a second for the other processes; docs/monitor.md has the figure"
            until(lambda: len(receiver.bodies()) == 2, 120)
            assert [(b["device"], b["alarm"]) for b in receiver.bodies()] == [("b2", "offline"), ("b2", "recovered")], "the others are not affected"

            collector = monitor.collector
            until(lambda: collector.ledger.missing == 0, 120)
            assert collector.ledger.lost == 0 and not collector.counters.refused
            reader = monitor.store.reader()
            for device in watches:
                numbers = [n for n, in reader.query("select seq from message where device = ? and epoch >= 0 order by seq", (device,))]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) > 25, "nothing is lost"

            # R20: what is asked for again comes again, with its number.
            last = max(collector.ledger.streams("b1").values(), key=lambda s: s.epoch)
            collector.call(collector.command, "b1", "resend", json.dumps({"b": last.epoch, "r": [[last.top - 3, last.top - 2]]}).encode(), None)
            until(lambda: [a for a, in reader.query("select arrivals from message where device = 'b1' and epoch = ? and seq in (?, ?)",
                                                    (last.epoch, last.top - 3, last.top - 2)) if a > 1])

            # The button that restarts a node.
            collector.call(collector.command, "b3", "reset", b'{"id": 7, "kind": "hard"}', "a test")
            until(lambda: reader.query("select 1 from event where device = 'b3' and kind = 'reply' and detail like '%\"ok\"%'"))
            session.expect("b3 has started again", within_s=60, board="b3", src="board", ev="boot")
            until(lambda: watches["b3"].state == "online")
            reader.close()
        finally:
            monitor.stop()
            receiver.close()
            log.close()
