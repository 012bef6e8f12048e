"""Updates over the air, the host's end (R42): bundles and keys, and how a fleet is taken through."""

import hashlib
import hmac
import io
import json
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from holdfast_bench.cli import app_of
from holdfast_bench.errors import BenchError
from holdfast_bench.update import releases, signing
from holdfast_bench.update.rollout import AGAIN_S, Rollout
from holdfast_bench.world.pieces import Pieces

KEY = "a-key-for-this-test-only"
FILES = {"/main.py": b"main", "/boot.py": b"boot", "/lib/holdfast/__init__.py": b"x" * 2000, "/config.json": b"secret"}


def made(version="1.2.0", key=KEY, **more):
    return signing.make(FILES, version, key, **more)


def test_a_bundle_is_signed_names_every_file_and_leaves_out_what_brings_the_old_firmware_back():
    data = made(allow_downgrade=True).data
    pieces = Pieces(io.BytesIO(data))
    head, lines = data[:pieces.head], data[:pieces.head].decode().splitlines()
    assert json.loads(lines[1]) == {"ver": "1.2.0", "mpy": None, "down": True}
    assert [line.split(" ", 2)[2] for line in lines[2:-1]] == ["/lib/holdfast/__init__.py", "/main.py", "/release"]
    assert lines[-1] == hmac.new(KEY.encode(), head[:-65], hashlib.sha256).hexdigest() and lines[-1][:8] == pieces.tag
    at = pieces.head
    for line in lines[2:-1]:
        sha, size, _ = line.split(" ", 2)
        assert hashlib.sha256(data[at:at + int(size)]).hexdigest() == sha
        at += int(size)
    assert at == len(data) == pieces.size
    assert b"secret" not in data and KEY.encode() not in data


@pytest.mark.parametrize("version", ["", "1.x", "1..2", "v1.0", "1.0-rc1", "1" * 40])
def test_a_version_that_nodes_could_not_compare_is_refused(version):
    with pytest.raises(BenchError, match="numbers with dots"):
        made(version)


def test_keys_are_for_their_owner_only_and_never_made_twice(tmp_path):
    path = tmp_path / "update.key"
    key = signing.new_key(path)
    assert signing.read_key(path) == key and stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BenchError, match="there already"):
        signing.new_key(path)
    with pytest.raises(BenchError, match="--new-key"):
        signing.read_key(tmp_path / "none")
    path.write_text("short")
    with pytest.raises(BenchError, match="16 to 64"):
        signing.read_key(path)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_what_is_no_bundle_is_told_and_nothing_else(data):
    with pytest.raises(ValueError):
        Pieces(io.BytesIO(data))


def test_a_bundle_cut_short_is_none():
    data = made().data
    for n in (0, 10, 36, 100, len(data) - 1):
        with pytest.raises(ValueError):
            Pieces(io.BytesIO(data[:n]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=80), st.dictionaries(st.sampled_from(["tag", "at", "n"]), st.one_of(st.none(), st.integers(), st.text(max_size=9), st.floats())).map(
    lambda d: json.dumps(d).encode())))
def test_whoever_asks_oddly_gets_nothing(request_):
    pieces = Pieces(io.BytesIO(made().data))
    assert pieces.wanted(request_) is None


def rollout(names, **more):
    sent = []
    pieces = Pieces(io.BytesIO(made().data))
    return Rollout(pieces, names, lambda topic, payload, qos: sent.append((topic, payload, qos)), 7, **more), sent


def told(sent):
    return [topic.split("/")[1] for topic, _, _ in sent if topic.endswith("cmd/update")]


def say(made_, name, topic="update", now=0.0, **fields):
    made_.received("holdfast/%s/%s" % (name, topic), json.dumps({"id": 7, **fields}).encode(), now)
    made_.turn(now)


def test_the_first_node_has_to_keep_it_before_the_others_are_told():
    fleet, sent = rollout(["a", "b", "c", "d"], at_once=2)
    fleet.turn(0)
    assert told(sent) == ["a"]
    say(fleet, "a", "reply", ok=True, state="fetching")
    say(fleet, "a", "piece", tag=fleet.pieces.tag, at=0, n=100)
    assert sent[-1] == ("holdfast/a/cmd/piece", fleet.pieces.piece(0, 100), 0)
    say(fleet, "a", state="installing")
    assert told(sent) == ["a"]
    say(fleet, "a", state="kept", ver="1.2.0")
    assert told(sent) == ["a", "b", "c"]
    say(fleet, "b", state="current")
    say(fleet, "c", state="kept")
    say(fleet, "d", state="kept")
    assert fleet.over and [n["state"] for n in fleet.result()] == ["kept", "current", "kept", "kept"]


def test_one_that_fails_ends_it_for_those_not_told_yet():
    fleet, sent = rollout(["a", "b", "c"])
    fleet.turn(0)
    say(fleet, "a", state="taken back", why="starts: 2333")
    fleet.turn(100)
    assert told(sent) == ["a"] and fleet.over and fleet.stopped
    assert [n["state"] for n in fleet.result()] == ["taken back", "waiting", "waiting"]


def test_a_busy_node_is_told_again_later_and_one_that_refuses_is_not():
    fleet, sent = rollout(["a"])
    fleet.turn(0)
    say(fleet, "a", "reply", ok=False, why="busy: a change is on trial", now=1)
    assert told(sent) == ["a"] and not fleet.over
    fleet.turn(AGAIN_S + 1)
    assert told(sent) == ["a", "a"]
    say(fleet, "a", "reply", ok=False, why="size", now=30)
    assert fleet.over and fleet.nodes["a"].why == "size"


def test_words_of_another_update_count_for_nothing_and_those_in_an_envelope_do():
    fleet, _ = rollout(["a"])
    fleet.turn(0)
    fleet.received("holdfast/a/update", b'{"id": 6, "state": "kept"}', 1)
    fleet.received("holdfast/b/update", b'{"id": 7, "state": "kept"}', 1)
    fleet.received("holdfast/a/update", b"\xff{", 1)
    assert not fleet.over
    fleet.received("holdfast/a/update", json.dumps({"i": 3, "b": 1, "t": None, "p": json.dumps({"id": 7, "state": "kept", "ver": "1.2.0"})}).encode(), 1)
    assert fleet.over and fleet.nodes["a"].version == "1.2.0"


def test_nodes_that_are_not_heard_of_again_are_unknown():
    fleet, _ = rollout(["a"])
    fleet.turn(0)
    fleet.give_up()
    assert fleet.result()[0]["state"] == "silent"


def test_the_command_makes_keys_and_bundles(tmp_path):
    run, app = CliRunner(), app_of(["bundle", "update"])
    key, at = str(tmp_path / "k"), tmp_path / "f.hfb"
    assert run.invoke(app, ["bundle", "--new-key", key]).exit_code == 0
    done = run.invoke(app, ["bundle", "--key", key, "--out", str(at), "--version", "3.1"])
    assert done.exit_code == 0 and "version 3.1" in done.output
    assert Pieces(open(at, "rb")).version == "3.1"
    assert run.invoke(app, ["bundle"]).exit_code == 2
    assert run.invoke(app, ["bundle", "--key", key, "--app", "examples/climate"]).exit_code == 2   # no version
    assert run.invoke(app, ["update", str(at)]).exit_code == 2                                    # no node
    assert run.invoke(app, ["update", key, "a"]).exit_code == 2                                   # no bundle


@pytest.mark.parametrize("broken", sorted(releases.BROKEN))
def test_what_scenarios_break_is_still_python(broken):
    compile(releases.BROKEN[broken], broken, "exec")
