"""`holdfast config` and `holdfast update` at a real broker (R42); the node is one of this test's, so that it can be as odd as it likes. The firmware's own part: update*.toml, config_*.toml."""

import json
import threading

import pytest
from typer.testing import CliRunner

from holdfast_bench.cli import app_of
from holdfast_bench.drivers.broker_builtin import BuiltinBroker
from holdfast_bench.update import signing
from holdfast_bench.update.server import Listener

KEY = "a-key-for-this-test-only"
LIMIT_S = 60


@pytest.fixture
def broker():
    made = BuiltinBroker(host="127.0.0.1", port=0)
    made.start()
    yield made
    made.close()


class Node:
    """answer(topic below the prefix, payload) -> [(topic, object)] that it publishes then."""

    def __init__(self, broker, name, answer):
        self._prefix, self._answer = "holdfast/%s/" % name, answer
        self.heard = []
        self._listener = Listener(("127.0.0.1", broker.port), [self._prefix + "cmd/#"], self._take).start()
        self.publish = self._listener.publish

    def _take(self, message):
        topic, payload = message[0][len(self._prefix):], message[1]
        self.heard.append((topic, payload))
        for below, said in self._answer(topic, payload):
            self.publish(self._prefix + below, json.dumps(said).encode(), 1)

    def close(self):
        self._listener.stop()


@pytest.fixture
def node(broker):
    nodes = []

    def make(name, answer):
        nodes.append(Node(broker, name, answer))
        return nodes[-1]
    yield make
    for one in nodes:
        one.close()


def holdfast(*args):
    done = CliRunner().invoke(app_of(["config", "update"]), [str(a) for a in args])
    return done.exit_code, " ".join(done.output.split())


def enveloped(said):
    return {"i": 3, "b": 1, "t": None, "p": json.dumps(said)}


def configured(state):
    def answer(topic, payload):
        asked = json.loads(payload)
        if state == "refused":
            return [("reply", {"id": asked["id"], "ok": False, "why": "keepalive_s: 1 is not a whole number"})]
        return [("reply", {"id": asked["id"] + 1, "ok": False}), ("reply", {"id": asked["id"], "ok": True, "state": "on trial"}),
                ("config", enveloped({"id": asked["id"], "state": state}))]
    return answer


@pytest.mark.parametrize("state, status, words", [("kept", 0, "kept: a message got through"), ("taken back", 1, "taken back: nothing got through"),
                                                  ("refused", 1, "refused: keepalive_s: 1 is not")])
def test_settings_of_a_node_that_runs(broker, node, tmp_path, state, status, words):
    there, result = node("kitchen", configured(state)), tmp_path / "result.json"
    assert holdfast("config", "kitchen", "--set", "keepalive_s=60", "--set", "app.period_ms=500", "--unset", "ntp", "--broker", "127.0.0.1:%d" % broker.port,
                    "--json", result)[0] == status
    code, said = holdfast("config", "kitchen", "--set", "keepalive_s=60", "--broker", "127.0.0.1:%d" % broker.port)
    assert code == status and words in said
    assert json.loads(there.heard[0][1])["set"] == {"keepalive_s": 60, "app": {"period_ms": 500}, "ntp": None}
    assert json.loads(result.read_text())["state"] == state


def test_nothing_to_change_and_nobody_there_are_said_in_a_line(broker, monkeypatch):
    from holdfast_bench.cli import config
    monkeypatch.setattr(config, "ANSWER_S", 0.3)
    assert holdfast("config", "kitchen")[0] == 2
    code, said = holdfast("config", "nobody", "--set", "a=1", "--broker", "127.0.0.1:%d" % broker.port)
    assert code == 2 and "nobody does not answer" in said
    assert holdfast("config", "kitchen", "--set", "a=1", "--broker", "127.0.0.1:1")[0] == 2


def fetching(outcome, got=None):
    """A node that fetches all of a bundle, byte by byte as told, and then says what became of it."""
    state = {}

    def answer(topic, payload):
        if topic == "cmd/update":
            state.update(json.loads(payload), data=b"")
            said = [("reply", {"id": state["id"], "ok": True, "state": "fetching"})]
        else:
            assert payload[:4].hex() == state["tag"] and int.from_bytes(payload[4:8], "big") == len(state["data"])
            state["data"] += payload[8:]
            said = []
        if len(state["data"]) < state["size"]:
            return said + [("piece", {"tag": state["tag"], "at": len(state["data"]), "n": 700})]
        if got is not None:
            got.append(state["data"])
        return [("update", {"id": state["id"], "state": "installing", "ver": "3.0"}), ("update", enveloped({"id": state["id"], "state": outcome, "ver": "3.0"}))]
    return answer


@pytest.fixture
def bundle(tmp_path):
    made = signing.make({"/main.py": b"print(1)\n" * 400}, "3.0", KEY)
    path = tmp_path / "f.hfb"
    path.write_bytes(made.data)
    return path


def test_a_fleet_is_updated_and_each_byte_arrives(broker, node, bundle, tmp_path):
    got, result = [], tmp_path / "result.json"
    for name in ("a", "b", "c"):
        there = node(name, fetching("kept", got))
        there._listener.link.publish("holdfast/%s/status" % name, b"online", 1, True)
    code, said = holdfast("update", bundle, "--all", "--broker", "127.0.0.1:%d" % broker.port, "--json", result, "--within-s", LIMIT_S)
    assert code == 0, said
    assert [n["state"] for n in json.loads(result.read_text())] == ["kept"] * 3
    assert got == [bundle.read_bytes()] * 3


def test_the_others_are_not_told_when_the_first_one_takes_it_back(broker, node, bundle):
    there = {name: node(name, fetching("taken back")) for name in ("a", "b")}
    code, said = holdfast("update", bundle, "a", "b", "--broker", "127.0.0.1:%d" % broker.port, "--within-s", LIMIT_S)
    assert code == 1 and "taken back" in said and "not told" in said
    assert there["a"].heard and not there["b"].heard


def test_a_node_that_is_away_is_unknown(broker, bundle):
    code, said = holdfast("update", bundle, "nobody", "--broker", "127.0.0.1:%d" % broker.port, "--within-s", 1)
    assert code == 2 and "silent" in said
    assert threading.active_count() < 50
