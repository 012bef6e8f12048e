"""Real boards: serial ports, drivers named in the board files, and a broker that the boards can reach. A run may have several of them."""

import hashlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor

from ..boards import find
from ..boards.ports import choose_all
from ..boards.serial import SerialBoard
from ..deploy import bundle, deploy
from ..drivers import hil as drivers
from ..drivers.broker_hooks import BrokerHooks
from ..drivers.power_rts import RtsLines
from ..drivers.relay import Relay
from ..errors import BenchError, TimedOut
from ..rig import Rig
from ..witness import Witness
from .brokers import Brokers, start_broker, watch
from .options import TOGETHER

SHARED_WIFI = "its access point is that of the other boards, too ([wifi] of the board files): the [wifi] driver \"device\" takes a single board off the air"
SHARED_RELAY = "the relay in front of the broker cannot tell boards apart: the [network] driver \"nftables\" can, by their addresses"


def rig_of(place):
    """The function that builds the rig of a place: the name of a board file, for as many such boards as the scenario needs, or one for each,
    joined by +. Raises BenchError when there is no such board file."""
    kinds = place.split(TOGETHER)
    boards = {kind: find(kind) for kind in kinds}
    return lambda plan, history, options, stack: _rig(kinds, boards, plan, history, options, stack)


def _rig(kinds, boards, plan, history, options, stack):
    names = plan["boards"]
    if len(kinds) == 1:
        kinds = kinds * len(names)
    if len(kinds) != len(names):
        raise BenchError("this scenario needs %d boards, and %d were named (%s)" % (len(names), len(kinds), ", ".join(kinds)))
    files = dict(zip(names, (boards[kind] for kind in kinds)))
    ports = dict(zip(names, choose_all(kinds, list(files.values()), options.ports)))
    _agree(kinds, boards)
    secrets = bundle.read_secrets(options.secrets)
    if options.deploy:
        _deploy(dict(zip(names, kinds)), files, ports, secrets, plan, options)
    rig, senders = Rig(), Senders(history, names)
    relay, port = _broker(files[names[0]], rig, senders, history, secrets["brokers"][0], options, stack)
    for own in names:
        _add(rig, own, files[own], ports[own], senders, relay, port, history, options, stack)
    _what_is_common(rig, files, relay)

    def switch_on():
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda own: _begin(rig.boards[own], own, history), names))
        senders.all_differ()

    rig.switch_on = switch_on
    return rig


def _agree(kinds, boards):
    """One run has one broker."""
    for kind in kinds[1:]:
        if boards[kind].broker != boards[kinds[0]].broker:
            raise BenchError("the board files %s and %s say different things about the broker: boards of one run need the same [broker]" % (kinds[0], kind))


def _deploy(kinds, files, ports, secrets, plan, options):
    """Firmware and configuration onto every board, as far as they differ; several boards at once."""
    def one(own):
        config = bundle.make_config(secrets, {"id": _id(own, ports[own]), "verbose": True, **plan["config"]}, options.firmware and options.firmware / "config.example.json")
        done = deploy(ports[own], "%s (%s)" % (own, kinds[own]), config, options.firmware, baud=files[own].baud)
        options.say("%s at %s: MicroPython %s, %d files deployed, %d were there" % (own, ports[own], done.version, len(done.sent), done.kept))

    options.say("deploying what differs")
    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(one, files))


def _id(own, port):
    """An id that is the same every time on this port, and on no other bench: a broker may serve several."""
    return "%s-%s" % (own, hashlib.sha256(("%s %s" % (socket.gethostname(), os.path.realpath(port) if "://" not in port else port)).encode()).hexdigest()[:4])


def _broker(board, rig, senders, history, login, options, stack):
    """(the relay in front of a broker that is started here, or None; the broker's port as boards see it)."""
    kind = options.broker or board.broker.driver
    user, password = login.get("user"), login.get("password")
    if kind == "external":
        address = login["host"], login.get("port", 1883)
        options.say("watching the broker at %s:%d" % address)
        witness = Witness(*address, history, "#", user, password, board_of=senders.board_of)
        stack.callback(witness.stop)
        publish = witness.start().publish
        rig.publish = lambda name, *message: publish(*message)
        return None, address[1]
    options.say("starting the broker")
    own_broker = start_broker(kind, stack, users={user: password} if user else None)
    relay = Relay(own_broker.address, board.broker.listen, board.broker.port)
    stack.callback(relay.close)
    relay.start()
    own_broker.gate = relay.keep_out
    rig.broker = Brokers([own_broker])
    rig.hooks = BrokerHooks(own_broker.builtin) if own_broker.builtin else None
    options.say("boards find it at port %d of this machine" % relay.port)
    options.say("watching the broker at %s:%d" % own_broker.address)
    publish = watch(own_broker, history, stack, user, password, senders.board_of)
    rig.publish = lambda name, *message: publish(*message)
    return relay, relay.port


def _add(rig, own, board, port, senders, relay, broker_port, history, options, stack):
    """One board, with the drivers of its file."""
    serial = SerialBoard(own, port, history, board.baud)
    stack.callback(serial.close)
    serial.open()
    rig.boards[own] = serial
    rig.wifi[own] = drivers.wifi(board.wifi, own, serial, history, options.say)
    network, air = drivers.network(board.network, own, broker_port, lambda: senders.address(own), relay, stack)
    if network:
        rig.network[own] = network
    if air:
        rig.air[own] = air
    power = drivers.power(board.power, own, serial, history)
    if power:
        rig.power[own] = power
    if board.power.driver == "rts":
        rig.lines[own] = RtsLines(own, history, serial)


def _what_is_common(rig, files, relay):
    """What several boards share cannot be broken for one of them."""
    if len(files) > 1:
        wifis = [board.wifi for board in files.values() if board.wifi.driver not in ("device", "ask")]
        if any(wifis.count(wifi) > 1 for wifi in wifis):
            rig.common["wifi"] = SHARED_WIFI
        if relay and any(board.network.driver == "relay" for board in files.values()):
            rig.common["network"] = SHARED_RELAY


def _begin(serial, own, history):
    """A start that is seen whole. A board that has just been deployed starts anyway, and does not listen yet."""
    for last in (False, True):
        history.add("bench", "switch_on", board=own)
        try:
            serial.reset()
            break
        except TimedOut:
            if last:
                raise
    serial.command({"cmd": "verbose", "on": True})


class Senders:
    """Which board of the run sends under which id and address: what each says when it starts and when its link comes up."""

    def __init__(self, history, names):
        self._history, self._names, self._ids = history, names, {}

    def board_of(self, topic):
        """The board of a topic <base>/<id>/…, None for somebody else's."""
        parts = topic.split("/")
        own = parts[1] if len(parts) > 1 else None
        if own not in self._ids:
            self._ids.update((e["id"], e["src"].partition("/")[2]) for e in list(self._history.events) if e["ev"] == "boot" and "id" in e)
        return self._ids.get(own)

    def address(self, name):
        """The board's IPv4 address, None while it has none."""
        for e in reversed(self._history.events):
            if e["ev"] == "link" and e["src"] == "board/" + name:
                return e.get("ip") if e.get("up") else None
        return None

    def all_differ(self):
        """Raises BenchError when two boards have the same id: nobody could tell their messages apart."""
        ids = {}
        for e in self._history.events:
            if e["ev"] == "boot" and "id" in e:
                other = ids.setdefault(e["id"], e["src"])
                if other != e["src"]:
                    raise BenchError("%s and %s have the same id %r: leave out --no-deploy, or `holdfast deploy --set id=…`" % (
                        other.partition("/")[2], e["src"].partition("/")[2], e["id"]))
