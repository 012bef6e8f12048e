"""Twins: virtual boards in real time, a real broker, deployed with mpremote like any board."""

import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..boards.serial import SerialBoard
from ..choices import choices
from ..deploy import bundle, deploy
from ..drivers.twin import TwinNetwork, TwinPower, TwinWifi
from ..rig import Rig
from ..twin import TwinHost
from ..twin.host import KEY, SSID
from ..witness import Witness
from . import flashcache
from .brokers import start_broker

USER = "node"
PORT = 1883  # as the boards see it; the real one is free to be any
# Names of the history for the kinds of world/power.py.
CAUSES = {"power_on": "power", "en": "en", "brownout": "brownout", "software": "hard", "panic": "panic", "task_wdt": "wdt",
          "int_wdt": "wdt", "deep_sleep": "deepsleep", "soft": "soft"}
DEPLOYS_AT_ONCE = 4


def rig(plan, history, options, stack):
    """Boards that are deployed and switched off, their world, a broker and the witness; all ends with `stack`."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-twins-", ignore_cleanup_errors=True)))
    host = TwinHost(heard=_heard(history), folder=folder)
    stack.callback(host.stop)
    host.start()
    image = flashcache.key(options.firmware, choices().twin)
    loaded = not options.fresh and all(flashcache.restore(image, _flash(folder, name)) for name in plan["boards"])
    password = secrets.token_hex(8)
    broker = start_broker(options.broker, stack, users={USER: password})
    options.say("broker: %s at %s:%d" % (broker.kind, *broker.address))
    broker_ip = host.add_host("broker", {PORT: broker.address})
    login = {"wifi": [{"ssid": SSID, "key": KEY}], "brokers": [{"host": broker_ip, "port": PORT, "user": USER, "password": password}]}
    boards = {name: host.add_board(name, seed=plan["seed"] + index) for index, name in enumerate(plan["boards"])}

    def load(name):
        config = bundle.make_config(login, {"id": name, "verbose": True, **plan["config"]}, options.firmware and options.firmware / "config.example.json")
        boards[name].power_on()
        done = deploy(boards[name].port, name, config, options.firmware)
        boards[name].power_off()
        options.say("%s: MicroPython %s, %d files deployed with mpremote, %d were there" % (name, done.version, len(done.sent), done.kept))

    with ThreadPoolExecutor(DEPLOYS_AT_ONCE) as pool:
        list(pool.map(load, boards))
    if not loaded:
        flashcache.keep(image, _flash(folder, plan["boards"][0]))
    made = Rig(broker=broker)
    for name, board in boards.items():
        made.boards[name] = serial = SerialBoard(name, board.port, history, rom_log=False)
        stack.callback(serial.close)
        serial.open()
        made.wifi[name], made.power[name] = TwinWifi(host, board), TwinPower(board)
        made.network[name] = TwinNetwork(host, board, broker_ip)
    witness = Witness(*broker.address, history, "#", USER, password, board_of=_board_of(boards))
    stack.callback(witness.stop)
    witness.start()
    made.switch_on = lambda: [board.power_on() for board in boards.values()]
    return made


def _flash(folder, name):
    (folder / name).mkdir(exist_ok=True)
    return folder / name / "flash.bin"


def _board_of(boards):
    def board_of(topic):
        parts = topic.split("/")
        return parts[1] if len(parts) > 1 and parts[1] in boards else None
    return board_of


def _heard(history):
    """The twin's events in the words of the history."""
    def heard(src, ev, **fields):
        if ev == "reset":
            history.add(src, ev, cause=CAUSES[fields["kind"]], why=fields["why"])
            return
        if ev == "boot":
            return  # MicroPython runs; the console's `boot` is the one that counts
        history.add(src, ev, **fields)
        if ev == "power" and fields["on"]:
            history.add(src, "reset", cause="power", why="power on")
    return heard
