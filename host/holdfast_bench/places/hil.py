"""Real boards: serial ports, drivers named in the board files, and a broker that the board can reach."""

from ..boards import find
from ..boards.ports import choose
from ..boards.serial import SerialBoard
from ..deploy import bundle
from ..drivers import hil as drivers
from ..drivers.broker_hooks import BrokerHooks
from ..drivers.power_rts import RtsLines
from ..drivers.relay import Relay
from ..errors import BenchError
from ..rig import Rig
from ..witness import Witness
from .brokers import Brokers, start_broker, watch


def rig_of(name):
    """The function that builds the rig of board `name`. Raises BenchError when there is no such board file."""
    board = find(name)
    return lambda plan, history, options, stack: _rig(name, board, plan, history, options, stack)


def _rig(name, board, plan, history, options, stack):
    if len(plan["boards"]) > 1:
        raise BenchError("this scenario needs %d boards at once; so far that works on twins only" % len(plan["boards"]))
    own = plan["boards"][0]
    port = choose(name, board, options.ports[0] if options.ports else None)
    secrets = bundle.read_secrets(options.secrets)
    rig = Rig()
    login = secrets["brokers"][0]
    kind = options.broker or board.broker.driver
    if kind == "external":
        address = login["host"], login.get("port", 1883)
    else:
        users = {login["user"]: login["password"]} if login.get("user") else None
        options.say("starting the broker")
        own_broker = start_broker(kind, stack, users=users)
        relay = Relay(own_broker.address, board.broker.listen, board.broker.port)
        stack.callback(relay.close)
        rig.network[own] = relay.start()
        own_broker.gate = relay.keep_out
        rig.broker, address = Brokers([own_broker]), own_broker.address
        options.say("boards find it at port %d of this machine" % relay.port)
        rig.hooks = BrokerHooks(own_broker.builtin) if own_broker.builtin else None
    options.say("watching the broker at %s:%d" % address)
    if rig.broker:
        publish = watch(own_broker, history, stack, login.get("user"), login.get("password"), lambda topic: own)
    else:
        witness = Witness(*address, history, "#", login.get("user"), login.get("password"), board_of=lambda topic: own)
        stack.callback(witness.stop)
        publish = witness.start().publish
    rig.publish = lambda board, *message: publish(*message)
    serial = SerialBoard(own, port, history, board.baud)
    stack.callback(serial.close)
    serial.open()
    rig.boards[own] = serial
    rig.wifi[own] = drivers.wifi(board.wifi, own, serial, history, options.say)
    power = drivers.power(board.power, own, serial, history)
    if power:
        rig.power[own] = power
    if board.power.driver == "rts":
        rig.lines[own] = RtsLines(own, history, serial)

    def switch_on():
        history.add("bench", "switch_on", board=own)
        serial.reset()
        serial.command({"cmd": "verbose", "on": True})

    rig.switch_on = switch_on
    return rig
