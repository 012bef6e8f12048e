"""The broker of a run: started here (mosquitto, builtin) on a port of its own, or somebody's (external)."""

import socket

from ..drivers.broker_builtin import BuiltinBroker
from ..drivers.broker_mosquitto import Mosquitto, find_mosquitto
from ..errors import BenchError
from ..faults import catalogue
from ..witness import Witness


class OwnBroker:
    """A broker that this run starts and may stop: what faults and the witness need to know of it."""

    def __init__(self, driver):
        self._driver = driver
        self.builtin = driver if isinstance(driver, BuiltinBroker) else None  # with its hooks
        self.kind, self.stop, self.kill, self.close = driver.kind, driver.stop, driver.kill, driver.close
        # What keeps boards out until somebody watches: a broker that has lost its sessions has lost the witness's too.
        self.gate = lambda shut: None
        self.watched = lambda: None  # returns when somebody does

    @property
    def address(self):
        """Where to reach it from here."""
        host = self._driver.host
        return ("127.0.0.1" if host == "0.0.0.0" else host), self._driver.port

    @property
    def ws_address(self):
        """Where it speaks MQTT over WebSocket; None: nowhere."""
        port = getattr(self._driver, "ws_port", None)
        return (self.address[0], port) if port else None

    def start(self):
        self.gate(True)
        try:
            self._driver.start()
            self.watched()
        except OSError as e:
            raise BenchError("the broker does not start: %s" % e) from None
        finally:
            self.gate(False)
        return self

    def answers(self):
        """Whether something listens at its address right now."""
        try:
            socket.create_connection(self.address, 1).close()
            return True
        except OSError:
            return False


class Brokers:
    """All brokers of a run as one, or one of them: `pick(n)`, counted from 1; 0 are all."""

    def __init__(self, brokers):
        self._brokers = brokers

    def pick(self, n):
        return self if n == 0 else Brokers([self._brokers[n - 1]])

    def __len__(self):
        return len(self._brokers)

    @property
    def address(self):
        return self._brokers[0].address

    def stop(self):
        for broker in self._brokers:
            broker.stop()

    def kill(self):
        for broker in self._brokers:
            broker.kill()

    def start(self):
        for broker in self._brokers:
            broker.start()

    def answers(self):
        """Whether one of them listens right now."""
        return any(broker.answers() for broker in self._brokers)


def wanted_kind(plan, options):
    """The kind the user chose; else the built-in one when a fault of the plan happens inside the broker; else None: the best there is."""
    inside = any("hooks" in catalogue()[a["fault"]].needs for a in plan["actions"] if a["do"] == "fault")
    return options.broker or ("builtin" if inside else None)


def watch(broker, history, stack, user=None, password=None, board_of=lambda topic: None):
    """Writes into the history what arrives at a broker: the built-in one tells itself, so that no fault inside it can hit the
    witness too; others are subscribed to. Returns publish(topic, payload, qos, retain). Raises BenchError when the broker refuses."""
    if broker.builtin:
        def told(src, ev, **fields):
            if ev == "recv":
                board = board_of(fields["topic"])
                history.add(src, ev, **({"board": board} if board else {}), **fields)
        broker.builtin.tell(told)
        return broker.builtin.publish
    witness = Witness(*broker.address, history, "#", user, password, board_of=board_of)
    stack.callback(witness.stop)
    witness.start()
    broker.watched = witness.wait_ready
    return witness.publish


def start_broker(wanted, stack, host="127.0.0.1", port=0, users=None, websockets=False):
    """A running broker of the wanted kind ("mosquitto", "builtin"; None: mosquitto where it is installed). websockets: at ws_address, too,
    where the broker can.

    It ends with `stack`. Raises BenchError when it is not installed or the port is taken.
    """
    kind = wanted or ("mosquitto" if find_mosquitto() else "builtin")
    if kind == "mosquitto" and not find_mosquitto():
        raise BenchError("mosquitto is not installed: install it, or use --broker builtin")
    more = {"websockets": True} if websockets and kind == "mosquitto" else {}
    broker = OwnBroker((Mosquitto if kind == "mosquitto" else BuiltinBroker)(host=host, port=port, users=users, **more))
    stack.callback(broker.close)
    return broker.start()
