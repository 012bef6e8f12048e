"""The two brokers that the tests of this folder run against: the built-in one and, where it is installed, mosquitto. The two must agree, so that a
verdict does not depend on which one was there."""

import itertools

import pytest

from holdfast_bench.drivers.broker_builtin import BuiltinBroker
from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from mqtt_clients import Raw, subscribe_packet


KINDS = ["builtin", pytest.param("mosquitto", marks=pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"))]


CLASSES = {"builtin": BuiltinBroker, "mosquitto": Mosquitto}


_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=KINDS)
def broker(request):
    with CLASSES[request.param]() as b:
        yield b


@pytest.fixture(params=KINDS)
def own_broker(request):
    """One for tests that stop it."""
    with CLASSES[request.param]() as b:
        yield b


@pytest.fixture
def name():
    """A client id and topic root that no other test uses."""
    return "t%d" % next(_numbers)


@pytest.fixture
def watcher(broker, name):
    with Raw(broker) as w:
        w.connect(name + "watcher")
        w.send(subscribe_packet(1, (name + "/will", 1))).recv()
        yield w


@pytest.fixture(params=KINDS)
def broker_class(request):
    """For tests that start one with settings of their own."""
    return CLASSES[request.param]
