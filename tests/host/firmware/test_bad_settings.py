"""Settings and topic patterns as anybody might write them: refused by name, or usable. The firmware's own modules, on this interpreter."""

import importlib
import re
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

FIRMWARE = Path(__file__).resolve().parents[3] / "firmware" / "holdfast"


# As a package of another name: the modules import each other relatively, and MicroPython's are not wanted here.
sys.modules["firmware_holdfast"] = types.ModuleType("firmware_holdfast")
sys.modules["firmware_holdfast"].__path__ = [str(FIRMWARE)]
config, router = (importlib.import_module("firmware_holdfast." + name) for name in ("config", "router"))
WIFI, BROKER = {"ssid": "w"}, {"host": "10.0.0.1"}
NUMBERS = [(name, allowed) for name, _, allowed in config.TABLE if isinstance(allowed, tuple)]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
                    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=8), inner, max_size=5), max_leaves=12)


def settings(**more):
    return {"wifi": [WIFI], "brokers": [BROKER], **more}


def refusal(given):
    with pytest.raises(config.ConfigError) as found:
        config.load(given)
    return str(found.value)


@pytest.mark.parametrize("name, allowed", NUMBERS)
def test_each_number_is_held_to_its_range_and_named(name, allowed):
    low, high = allowed
    for wrong in (low - 1, high + 1, str(low), None, True, low + 0.5, [low]):
        said = refusal(settings(**{name: wrong}))
        assert said.startswith(name + ": ") and "%d to %d" % (low, high) in said
    assert config.load(settings(**{name: high, **({"cap_ms": 3600000} if name == "base_ms" else {})}))[name] == high


@pytest.mark.parametrize("given, says", [
    ({}, "wifi: a list of 1 to 8 objects"), ({"wifi": [WIFI]}, "brokers: a list of 1 to 8 objects"), (settings(brokers=[]), "brokers: a list"),
    (settings(brokers=[BROKER] * 9), "brokers: a list of 1 to 8"), (settings(brokers=["10.0.0.1"]), "brokers[0]: '10.0.0.1' is not an object"),
    (settings(brokers=[BROKER, {"host": ""}]), "brokers[1].host: '' is not a text of 1 to 253 bytes"), (settings(brokers=[{**BROKER, "prot": 1}]), "brokers[0].prot: there is no such setting"),
    (settings(brokers=[{**BROKER, "port": 0}]), "brokers[0].port: 0 is not a whole number from 1 to 65535"), (settings(brokers=[{**BROKER, "tls": 1}]), "brokers[0].tls: neither true nor false"),
    (settings(brokers=[{**BROKER, "tls": {"verify": 0}}]), "brokers[0].tls.verify: 0 is neither true nor false"),
    (settings(brokers=[{**BROKER, "transport": "udp"}]), "brokers[0].transport: udp does not carry mqtt"),
    (settings(wifi=[{"ssid": "x" * 33}]), "wifi[0].ssid"), (settings(wifi=[{**WIFI, "key": "x" * 65}]), "wifi[0].key"), (settings(wifi=[{**WIFI, "bssid": "24:0a"}]), "wifi[0].bssid: not of the form"),
    (settings(wifi=[{**WIFI, "static": ["192.168.1.5"]}]), "wifi[0].static: not a list of"), (settings(wifi=[{**WIFI, "static": [1, 2, 3, 4]}]), "wifi[0].static: not a list of"),
    (settings(wifi=[{**WIFI, "static": ["192.168.1.5", "255.255.255.0", "192.168.1.1", "256.0.0.1"]}]), "wifi[0].static: not a list of"),
    (settings(id="a/b"), "id: 'a/b' must not contain '/'"), (settings(base="x" * 33), "base: "), (settings(envelope="xml"), "envelope: 'xml' is none of json, frame, none"),
    (settings(classes=[{"name": "a"}]), "classes: one must be called 'normal'"), (settings(classes=[{"name": "normal"}, {"name": "normal"}]), "classes: two are called 'normal'"),
    (settings(classes=[{"name": "normal", "overflow": "panic"}]), "classes[0].overflow: 'panic' is none of drop_oldest, drop_newest, raise"),
    (settings(base_ms=20000), "base_ms: 20000 is more than cap_ms, 5000"), (settings(brokers=[{"host": "broker.lan"}], watchdog_s=10), "watchdog_s: 10 is too short for broker.lan"),
    (settings(window=3, windows=4), "windows: there is no such setting"), (settings(remote=1), "remote: 1 is neither true nor false"),
])
def test_what_is_wrong_is_said_with_its_name(given, says):
    assert says in refusal(given)


@limits(deadline=None)
@given(st.sampled_from([row[0] for row in config.TABLE]), JSON)
def test_whatever_stands_in_a_setting_is_refused_by_name_or_used(name, value):
    try:
        done = config.load(settings(**{name: value}))
    except config.ConfigError as e:
        assert str(e)
    else:
        assert done[name] == value or name in ("wifi", "brokers", "classes")


@limits(deadline=None)
@given(st.dictionaries(st.sampled_from(["ssid", "key", "bssid", "static", "host", "port", "user", "password", "tls", "protocol", "transport", "path", "name"]), JSON, max_size=6))
def test_whatever_stands_in_a_network_or_broker_is_refused_by_name_or_used(entry):
    for name in ("wifi", "brokers"):
        try:
            config.load(settings(**{name: [entry]}))
        except config.ConfigError as e:
            assert str(e).startswith(name)


LEVEL = st.sampled_from(["a", "b", "led", "", "ä"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(bool)
PATTERN = st.tuples(st.lists(LEVEL | st.just("+"), max_size=4), st.sampled_from([[], ["#"]])).map(lambda t: "/".join(t[0] + t[1])).filter(bool)


@limits(deadline=None)
@given(PATTERN, TOPIC)
def test_patterns_fit_as_mqtt_has_it(pattern, topic):  # R18, MQTT 3.1.1 section 4.7
    router.check_pattern(pattern)
    assert router.fits(pattern, topic) == topic_matches_sub(pattern, topic)


@pytest.mark.parametrize("pattern", ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/b+", "##"])
def test_patterns_that_mqtt_does_not_allow_are_refused(pattern):  # R18
    with pytest.raises(ValueError, match=re.escape(repr(pattern)) if pattern else "empty"):
        router.check_pattern(pattern)
