"""Twins: virtual boards in real time, a real broker, deployed with mpremote like any board."""

import random
import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..boards.serial import SerialBoard
from ..choices import choices
from ..deploy import bundle, deploy
from ..drivers.broker_hooks import BrokerHooks
from ..drivers.phone import Phone
from ..drivers.serial_device import SerialDevice
from ..drivers.twin import TwinAir, TwinAp, TwinCable, TwinClock, TwinDns, TwinFlash, TwinLines, TwinMemory, TwinModem, TwinNames, TwinNetwork, TwinPower, TwinWifi
from ..rig import Rig
from ..twin import TwinHost
from ..twin.host import KEY, SSID
from ..world import phone
from . import flashcache, services
from .brokers import Brokers, start_broker, wanted_kind, watch
from .updates import updates

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
    loaded = all(flashcache.restore(image, _flash(folder, name)) for name in plan["boards"])
    password = secrets.token_hex(8)
    world = plan.get("world", {})
    brokers = [start_broker(wanted_kind(plan, options), stack, users={USER: password}, websockets=services.over_websocket(plan["config"]))
               for _ in range(world.get("brokers", 1))]
    names = ["broker%s.test" % (n + 1 if n else "") for n in range(len(brokers))]
    ips = []
    for broker, name in zip(brokers, names):
        options.say("broker: %s at %s:%d" % (broker.kind, *broker.address))
        tcp, udp = services.routes(plan["config"], broker, stack, options.say)
        ips.append(host.add_host(name, {PORT: broker.address, **tcp}, udp))
        broker.gate = _gate(host, ips[-1])
    networks = world.get("networks", 1)
    login = {"wifi": [{"ssid": SSID, "key": KEY}, {"ssid": SSID + "2", "key": KEY + "2"}][:networks],
             "brokers": [{"host": at, "port": PORT, "user": USER, "password": password} for at in _known_as(world.get("named"), names, ips)]}
    boards = {name: host.add_board(name, seed=plan["seed"] + index, ticks_start_ms=world.get("ticks_start_ms", 0), ether=host.new_ether(index, networks), lan=bool(world.get("lan")),
                                   modem=world.get("modem"))
              for index, name in enumerate(plan["boards"])}

    def load(name):
        config = bundle.make_config(login, {"id": name, "verbose": True, **plan["config"]}, options.firmware and options.firmware / "config.example.json")
        boards[name].power_on()
        blank = world.get("blank")
        done = deploy(boards[name].port, name, None if blank else config, options.firmware, more={bundle.FACTORY_AT: bundle.blank(config)} if blank else None)
        boards[name].power_off()
        options.say("%s: MicroPython %s, %d files deployed with mpremote, %d were there" % (name, done.version, len(done.sent), done.kept))

    with ThreadPoolExecutor(DEPLOYS_AT_ONCE) as pool:
        list(pool.map(load, boards))
    if not loaded and not world.get("blank"):
        flashcache.keep(image, _flash(folder, plan["boards"][0]))
    made = Rig(broker=Brokers(brokers), hooks=BrokerHooks(brokers[0].builtin) if brokers[0].builtin else None)
    known = TwinNames(host, names)
    for name, board in boards.items():
        made.boards[name] = serial = SerialBoard(name, board.port, history, rom_log=False)
        stack.callback(serial.close)
        serial.open()
        made.wifi[name], made.ap[name], made.dns[name] = TwinWifi(host, board), TwinAp(host, board), TwinDns(host, board, known)
        made.network[name], made.air[name] = TwinNetwork(host, board), TwinAir(host, board)
        made.power[name], made.lines[name] = TwinPower(board), TwinLines(host, board)
        made.memory[name] = TwinMemory(host, board, lambda ev, name=name: history.add("chip/" + name, ev))
        made.clock[name] = TwinClock(host, board)
        if "serial" in world:
            life = "%08x" % random.Random("%d:serial:%s" % (plan["seed"], name)).getrandbits(32)
            stack.callback(SerialDevice(board, world["serial"], life, lambda ev, name=name, **more: history.add("line/" + name, ev, **more)).close)
        made.flash[name] = TwinFlash(board, lambda name=name: [e for e in list(history.events) if e["src"] == "chip/" + name and e["ev"] == "reset"])
        if board.options.cable:
            made.cable[name] = TwinCable(host, board)
        if board.options.modem:
            made.modem[name] = TwinModem(host, board)
    publishers = [watch(broker, history, stack, USER, password, _board_of(boards)) for broker in brokers]
    made.publish = lambda board, *message: [publish(*message) for publish in publishers]
    made.update = updates(plan, options, brokers[0].address, stack, USER, password)
    made.setup = _phones(host, boards, login, history, stack)
    made.switch_on = lambda: [board.power_on() for board in boards.values()]
    return made


def _phones(host, boards, login, history, stack):
    """setup(action): a phone for each of its boards, there until the run is over at the longest."""
    def setup(action):
        for name in action["boards"]:
            fields = phone.form(action["setup"], login["wifi"][0], login["brokers"][0], name)
            stack.callback(Phone(host, boards[name], fields, lambda ev, name=name, **more: history.add("phone/" + name, ev, **more)).close)
    return setup


def _known_as(named, names, ips):
    """How the boards know the brokers: named is true, "local" (by mDNS), or nothing."""
    return [name + ".local" for name in names] if named == "local" else names if named else ips


def _gate(host, ip):
    """Shuts the way to one host of the boards' network: refused, as while nothing listens."""
    def shut(on):
        host.call(setattr, host.network.host(ip), "refusing", on)
    return shut


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
