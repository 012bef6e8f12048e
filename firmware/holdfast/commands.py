# commands.py - what the bench may ask a node over the console. Loaded when the first command comes.
# May import: gc, asyncio, time, json, trial; the node is handed in.   Time: ticks.   Blocks: `hang` with "spin", on purpose.
from asyncio import core, create_task, sleep_ms
import gc
import time

_GRACE_MS = 150  # until the reply is out
_parts = []  # of a configuration


# Carries out command `name`; `args` is all of it, the answer's fields go into `answer`. Raises with the reason.
def run(node, name, args, answer):
    command = COMMANDS.get(name)
    if not command:
        raise ValueError("no command %s" % name)
    command(node, args, answer)


def _ping(node, args, answer):
    pass


def _status(node, args, answer):
    block = node.outbox.block
    answer["state"] = node.state
    answer["queued"] = node.queued
    answer["unacked"] = len(node.outbox.seqs)
    answer["next"] = block.next_seq
    answer["boots"] = node.boots
    answer["cause"] = node.cause
    answer["epoch"] = block.epoch
    answer["free"] = gc.mem_free()


def _metrics(node, args, answer):
    answer["metrics"] = node.metrics()


def _publish(node, args, answer):
    answer["i"] = node.publish(args["topic"], args.get("payload", ""), qos=args.get("qos", 1), retain=args.get("retain", False))


# Makes a watched task hang: "await": it never runs again, the others do; "spin": nothing runs again.
def _hang(node, args, answer):
    beat = node.watchdog.find(args.get("task", "sample"))
    if not beat or not beat.task:
        raise ValueError("no such task")
    if args.get("how") == "spin":
        _later(_spin)
        return
    task = beat.task
    if hasattr(task.data, "remove"):
        task.data.remove(task)  # it waits for I/O, or for another task
    else:
        core._task_queue.remove(task)
    if beat.name == "link":
        node.supervisor.bell.disarm()


# Sleeps that block, so that the hours pass on the simulation's clock as well; to the loop it is all the same.
def _spin():
    while True:
        time.sleep_ms(10)


def _reset(node, args, answer):
    kind = args.get("kind", "hard")
    _later(lambda: node.reset("command", kind, args.get("ms", 0)))


def _verbose(node, args, answer):
    node.verbose = bool(args["on"])


# Takes the radio away from under the node, or gives it back: for a bench whose access point nobody can switch. Until then
# every attempt over Wi-Fi fails; other paths are left alone.
def _radio(node, args, answer):
    path = node.path
    driver = path.wifi if path.many else path
    if not driver:
        raise ValueError("no Wi-Fi among the paths")
    if not args["on"]:
        driver.begin = _never
        driver.wlan.active(False)
    elif driver.begin is _never:
        del driver.begin


def _never():
    return 0


# The settings in force, without names and passwords. Or another configuration: the text of a request as in trial.propose() comes in
# pieces, `part`, the first with `first`; then `apply`.
def _config(node, args, answer):
    if "part" in args:
        if args.get("first"):
            _parts.clear()
        _parts.append(args["part"])
        return
    if args.get("apply"):
        from json import loads
        from .trial import propose

        text = "".join(_parts)
        _parts.clear()
        propose(node, loads(text), True)
        answer["state"] = "on trial"
        return _later(lambda: node.reset("another configuration"))
    answer["config"] = {k: node.config[k] for k in sorted(node.config) if k not in ("wifi", "brokers", "app", "classes", "dtu", "paths", "update_key")}


def _later(what):
    create_task(_wait(what))


async def _wait(what):
    await sleep_ms(_GRACE_MS)
    what()


COMMANDS = {
    "ping": _ping,
    "status": _status,
    "metrics": _metrics,
    "publish": _publish,
    "hang": _hang,
    "reset": _reset,
    "radio": _radio,
    "verbose": _verbose,
    "config": _config,
}
