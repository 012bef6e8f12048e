# trial.py - the configuration is changed at run time (R42): checked as a whole, tried from the next start on, kept when a message is
# acknowledged, taken back by itself otherwise. Loaded when a change is asked for or under way; docs/configuration.md is for people.
# May import: config, json, os, asyncio; the node is handed in.   Time: ticks.   Blocks: writing small files, some 50 ms each.
#
# Beside config.json: config.json.try, the whole new configuration, there from a rename on and gone by a rename, which keeps it; and config.json.log:
# a JSON line with what was asked, and one more byte for each start under trial. So whatever instant the power fails at, either file counts.
from asyncio import create_task, sleep_ms
from json import dumps, load as parse
from micropython import const
import os
import sys
from time import ticks_diff, ticks_ms

_STARTS = const(3)  # so often a configuration is tried
_LIMIT_S = const(120)
_LOOK_MS = const(500)
_RECORD = const(38)  # of the resume record: what the node knows of networks and brokers, by their place in the configuration
_RECORD_FORM = "54s"


# A change is asked for: {"set": {setting: value, null: its default}, "limit_s": 120, "id": ...}. by_wire: by somebody at the node itself: who may
# publish commands shall not decide whose firmware it takes. Raises ValueError; the text has no secrets. The caller resets the chip.
def propose(node, request, by_wire=False):
    source = node.config.get("source")
    if not source:
        raise ValueError("the application has its configuration from elsewhere")
    if node.config.get("trial"):
        raise ValueError("a change is on trial")
    changes = request.get("set")
    limit_s = request.get("limit_s", _LIMIT_S)
    if not isinstance(changes, dict) or not changes:
        raise ValueError("set: an object with settings is needed")
    if "update_key" in changes and not by_wire:
        raise ValueError("update_key: by the serial line only")
    if not isinstance(limit_s, int) or not 20 <= limit_s <= 3600:
        raise ValueError("limit_s: a whole number from 20 to 3600")
    with open(source) as f:
        new = parse(f)
    for name in changes:
        if changes[name] is None:
            new.pop(name, None)
        else:
            new[name] = changes[name]
    check(new)
    _write(source + ".log", dumps({"id": request.get("id"), "limit_s": limit_s}) + "\n")
    _write(source + ".new", dumps(new))
    os.rename(source + ".new", source + ".try")


# Raises ValueError when this is not a configuration. Secrets stay out of the text.
def check(given):
    from .config import ConfigError, load

    try:
        load(given)
    except ConfigError as e:
        name = str(e).split(":")[0]
        secret = name.endswith("key") or name.endswith("password")
        raise ValueError("%s: not as it should be" % name if secret else str(e))
    finally:
        for name in ("config", "dtu_config", "paths_config"):
            sys.modules.pop("holdfast." + name, None)


def _write(path, text):
    with open(path, "w") as f:
        f.write(text)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


# At the start of a life, from config.load(): (configuration to use, None: the good one; what is to be known of it).
def at_start(source):
    trial = {"id": None, "limit_s": _LIMIT_S, "kept": False}
    starts = 0
    try:
        with open(source + ".log") as f:
            line = f.readline()
            starts = len(f.read())
        from json import loads

        trial.update(loads(line))
    except (OSError, ValueError):
        pass
    if starts < _STARTS:
        try:
            with open(source + ".log", "a") as f:
                f.write("x")
            with open(source + ".try") as f:
                return parse(f), trial
        except (OSError, ValueError):
            pass
    trial["over"] = True
    return None, trial


# What was learnt of networks and brokers is of other ones.
def forget(block):
    block.poke(_RECORD, _RECORD_FORM, b"")


# Sees the trial of this life through, or tells that the last one has failed.
def follow(node):
    trial = node.config["trial"]
    if trial.get("over"):
        _over(node, "taken back")
    else:
        seen = [False, None]  # was the network joined; the last error: what is told when nothing gets through

        def note(name, fields):
            if name == "link" and fields["up"]:
                seen[0] = True
            elif name == "err":
                seen[1] = fields["code"]

        node.on_event(note)
        create_task(_judge(node, trial, seen))


def _over(node, state):
    source = node.config["source"]
    trial = node.config["trial"]
    node.config["trial"] = None
    _remove(source + ".try")
    _remove(source + ".log")
    _remove(source + ".why")
    node.emit("config", {"id": trial["id"], "state": state})
    try:
        node.publish("config", dumps({"id": trial["id"], "state": state}))
    except ValueError:
        pass  # it is being stopped


def _keep(node):
    source = node.config["source"]
    os.rename(source + ".try", source)
    _over(node, "kept")


async def _judge(node, trial, seen):
    source = node.config["source"]
    began = ticks_ms()
    while ticks_diff(ticks_ms(), began) < trial["limit_s"] * 1000:
        session = node.supervisor.session
        if session.up and session.proven:
            return _keep(node)
        if node.state == "error":  # no broker wants this node: waiting does not help
            break
        await sleep_ms(_LOOK_MS)
    _write(source + ".why", dumps(seen))
    with open(source + ".log", "a") as f:
        f.write("x" * _STARTS)
    node.reset("no message got through with the new configuration")
