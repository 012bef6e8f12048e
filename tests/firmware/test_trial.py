# A configuration changed at run time (R42): checked as a whole, kept or taken back, whatever instant the power fails at.
from binascii import hexlify
import os
from json import dumps, load as parse

import holdfast.trial as trial
from holdfast.config import ConfigError, load

PATH = "/tmp/holdfast-%s.json" % hexlify(os.urandom(6)).decode()
GOOD = {"wifi": [{"ssid": "home", "key": "home-key"}], "brokers": [{"host": "10.0.0.1"}]}
ENDS = ("", ".try", ".log", ".new")


class Cut(BaseException):
    pass


class Cord:
    # The power fails before the nth thing that is done to a file; -1: never.
    def __init__(self, at):
        self.at = at

    def turn(self):
        self.at -= 1
        if self.at == -1:
            raise Cut()

    def rename(self, old, new):
        self.turn()
        os.rename(old, new)

    def remove(self, path):
        self.turn()
        os.remove(path)

    def stat(self, path):
        return os.stat(path)

    def open(self, path, mode="r"):
        if mode != "r":
            self.turn()
        return File(self, open(path, mode)) if mode != "r" else open(path)


# What is written may have got half there.
class File:
    def __init__(self, cord, file):
        self.cord = cord
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.file.close()

    def write(self, text):
        self.file.write(text[: len(text) // 2])
        self.cord.turn()
        self.file.write(text[len(text) // 2 :])


class Node:
    def __init__(self, config):
        self.config = config
        self.told = []

    def emit(self, name, fields):
        self.told.append(fields["state"])

    def publish(self, topic, payload):
        pass


def clean():
    for end in ENDS:
        try:
            os.remove(PATH + end)
        except OSError:
            pass


def fresh():
    clean()
    with open(PATH, "w") as f:
        f.write(dumps(GOOD))


def cut_at(n, what):
    cord = Cord(n)
    trial.os = cord
    trial.open = cord.open
    try:
        what()
        return False
    except Cut:
        return True
    finally:
        trial.os = os
        trial.open = open


def host(cfg):
    return cfg["brokers"][0]["host"]


CHANGE = {"id": 4, "set": {"brokers": [{"host": "10.0.0.2"}]}}


def test_a_change_is_tried_from_the_next_start_on_and_kept():
    fresh()
    trial.propose(Node(load(PATH)), CHANGE)
    cfg = load(PATH)
    assert host(cfg) == "10.0.0.2" and cfg["trial"]["id"] == 4
    trial._keep(Node(cfg))
    cfg = load(PATH)
    assert host(cfg) == "10.0.0.2" and "trial" not in cfg and cfg["wifi"][0]["key"] == "home-key"
    clean()


def test_it_is_taken_back_after_three_starts_in_vain():
    fresh()
    trial.propose(Node(load(PATH)), CHANGE)
    assert [host(load(PATH)) for _ in range(3)] == ["10.0.0.2"] * 3
    cfg = load(PATH)
    node = Node(cfg)
    trial.follow(node)
    assert host(cfg) == "10.0.0.1" and node.told == ["taken back"]
    assert "trial" not in load(PATH)
    clean()


def test_what_is_wrong_changes_nothing_and_no_secret_is_told():
    fresh()
    node = Node(load(PATH))
    for wrong, word in (
        ({"set": {"nonsense": 1}}, "nonsense"),
        ({"set": {"wifi": [{"ssid": "x", "key": 5}]}}, "wifi[0].key: not as it should be"),
        ({"set": {"brokers": [{"host": "x", "password": "s" * 300}]}}, "brokers[0].password: not as it should be"),
        ({"set": {"keepalive_s": 1}}, "keepalive_s"),
        ({"set": {}}, "set"),
        ({"set": {"console": False}, "limit_s": 1}, "limit_s"),
        ({}, "set"),
    ):
        try:
            trial.propose(node, wrong)
            assert False, wrong
        except ValueError as e:
            assert word in str(e) and "sss" not in str(e), str(e)
    assert host(load(PATH)) == "10.0.0.1" and "trial" not in load(PATH)
    clean()


def test_null_is_the_default():
    fresh()
    with open(PATH, "w") as f:
        f.write(dumps(dict(GOOD, keepalive_s=77)))
    trial.propose(Node(load(PATH)), {"set": {"keepalive_s": None}})
    assert load(PATH)["keepalive_s"] == 30
    clean()


def test_wherever_the_power_fails_it_is_the_old_one_or_the_new_one():
    outcomes = []
    for n in range(40):
        fresh()
        node = Node(load(PATH))
        cut = cut_at(n, lambda: trial.propose(node, CHANGE))
        cfg = load(PATH)
        outcomes.append(host(cfg))
        if not cut:
            break
    assert not cut and n > 3 and outcomes[0] == "10.0.0.1" and outcomes[-1] == "10.0.0.2"
    for n in range(40):  # as it is kept
        fresh()
        trial.propose(Node(load(PATH)), CHANGE)
        node = Node(load(PATH))
        cut = cut_at(n, lambda: trial._keep(node))
        cfg = load(PATH)
        assert host(cfg) == "10.0.0.2"
        if not cut:
            break
    assert not cut and n > 1 and "trial" not in cfg
    for n in range(40):  # as a start under trial is noted, again and again: it does not go on for ever
        fresh()
        trial.propose(Node(load(PATH)), CHANGE)
        cut = cut_at(n, lambda: trial.at_start(PATH))
        seen = [host(load(PATH)) for _ in range(5)]
        assert seen[-1] == "10.0.0.1", seen
        if not cut:
            break
    assert not cut
    clean()


def test_damage_on_the_way_to_flash_is_found():
    fresh()
    trial.propose(Node(load(PATH)), CHANGE)
    with open(PATH + ".try", "w") as f:
        f.write('{"wifi": [{"ssi')
    cfg = load(PATH)
    assert host(cfg) == "10.0.0.1" and cfg["trial"]["over"]
    clean()
