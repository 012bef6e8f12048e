"""The witness against real brokers: what is published while it is away reaches it, a refused login is told clearly."""

import contextlib
import time

import paho.mqtt.client as paho
import pytest

from holdfast_bench.drivers.broker_mosquitto import find_mosquitto
from holdfast_bench.errors import BenchError
from holdfast_bench.history import History
from holdfast_bench.places.brokers import start_broker
from holdfast_bench.witness import Witness

KINDS = ["builtin", pytest.param("mosquitto", marks=pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"))]


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def publish(broker, *payloads):
    """Publishes at QoS 1 as a board would, and returns when all is acknowledged."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.connect(*broker.address)
    client.loop_start()
    for payload in payloads:
        client.publish("holdfast/b1/sensor/n", payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def received(history, count):
    """What arrived, as soon as `count` different messages have."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        got = [e for e in history.events if e["ev"] == "recv"]
        if len({e.get("payload", e.get("payload64")) for e in got}) >= count:
            return got
        history.wait_beyond(len(history.events), 0.5)
    return [e for e in history.events if e["ev"] == "recv"]


def test_what_arrives_goes_into_the_history(stack, kind):
    broker, history = start_broker(kind, stack), History()
    stack.callback(Witness(*broker.address, history, "holdfast/#", board_of=lambda topic: topic.split("/")[1]).start().stop)
    publish(broker, "a:1 x", b"\xff\xfe")
    first, second = received(history, 2)
    assert (first["payload"], first["board"], first["qos"], first["retain"]) == ("a:1 x", "b1", 1, False)
    assert second["payload64"] == "//4="


def test_nothing_is_missed_over_a_restart_of_the_broker(stack, kind):
    broker, history = start_broker(kind, stack), History()
    stack.callback(Witness(*broker.address, history, "holdfast/#").start().stop)
    publish(broker, "a:1")
    received(history, 1)
    broker.stop()
    assert not broker.answers()
    broker.start()
    publish(broker, "a:2", "a:3")  # perhaps before the witness is back: its session waits for it
    # a:1 once more if the broker stopped before it had its acknowledgement: QoS 1
    assert list(dict.fromkeys(e["payload"] for e in received(history, 3))) == ["a:1", "a:2", "a:3"]


def test_a_refused_login_is_one_clear_error(stack, kind):
    broker = start_broker(kind, stack, users={"node": "right"})
    with pytest.raises(BenchError, match="refuses the login .*check user and password in secrets.json"):
        Witness(*broker.address, History(), "#", "node", "wrong").start()
    Witness(*broker.address, History(), "#", "node", "right").start().stop()


def test_no_broker_is_one_clear_error(stack):
    broker = start_broker("builtin", stack)
    broker.stop()
    with pytest.raises(BenchError, match="no broker at 127.0.0.1:.* is it running"):
        Witness(*broker.address, History(), "#").start()


def test_a_port_that_is_taken_says_so(stack, kind):
    taken = start_broker(kind, stack).address[1]
    with pytest.raises(BenchError, match="%d" % taken):
        start_broker("builtin", stack, port=taken)
