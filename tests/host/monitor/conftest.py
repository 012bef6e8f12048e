"""A broker, a database and monitors for the tests of the monitor."""

import io

import pytest
from waiting import until
from fake_node import FakeNode

from holdfast_bench.drivers.broker_mosquitto import find_mosquitto
from holdfast_bench.monitor.logs import Log
from holdfast_bench.monitor.service import Monitor
from holdfast_bench.monitor.settings import load
from holdfast_bench.places.brokers import start_broker


@pytest.fixture
def broker():
    """mosquitto where there is one, else the built-in."""
    import contextlib
    with contextlib.ExitStack() as stack:
        yield start_broker("mosquitto" if find_mosquitto() else "builtin", stack)


@pytest.fixture
def monitors(tmp_path, broker):
    """monitors(**settings): a running Monitor; all are stopped at the end. Its log is monitor.lines()."""
    made = []

    def start(**given):
        given = {"broker": "%s:%d" % broker.address, "database": str(tmp_path / "m.db"), "name": "monitor-under-test", "listen": "", "resend_grace_ms": 200,
                 "resend_pause_ms": 400, "log_level": "debug", **given}
        stream = io.StringIO()
        monitor = Monitor(load(**given), Log(stream))
        monitor.lines = lambda: stream.getvalue().splitlines()
        made.append(monitor)
        monitor.start()
        return monitor

    def stop(monitor):
        made.remove(monitor)
        monitor.stop()
    start.stop = stop
    yield start
    for monitor in made:
        monitor.stop()


@pytest.fixture
def monitor(monitors):
    made = monitors()
    until(lambda: made.link.connected)
    return made


@pytest.fixture
def nodes(broker):
    """nodes(device, **how): a running FakeNode."""
    made = []

    def start(device, **how):
        node = FakeNode(broker.address, device, **how).start()
        made.append(node)
        return node
    yield start
    for node in made:
        node.stop()
