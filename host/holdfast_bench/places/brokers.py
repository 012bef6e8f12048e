"""The broker of a run: started here (mosquitto, builtin) on a port of its own, or somebody's (external)."""

import socket

from ..drivers.broker_builtin import BuiltinBroker
from ..drivers.broker_mosquitto import Mosquitto, find_mosquitto
from ..errors import BenchError


class OwnBroker:
    """A broker that this run starts and may stop: what faults and the witness need to know of it."""

    def __init__(self, driver):
        self._driver = driver
        self.kind, self.stop, self.kill, self.close = driver.kind, driver.stop, driver.kill, driver.close

    @property
    def address(self):
        """Where to reach it from here."""
        host = self._driver.host
        return ("127.0.0.1" if host == "0.0.0.0" else host), self._driver.port

    def start(self):
        try:
            self._driver.start()
        except OSError as e:
            raise BenchError("the broker does not start: %s" % e) from None
        return self

    def answers(self):
        """Whether something listens at its address right now."""
        try:
            socket.create_connection(self.address, 1).close()
            return True
        except OSError:
            return False


def start_broker(wanted, stack, host="127.0.0.1", port=0, users=None):
    """A running broker of the wanted kind ("mosquitto", "builtin"; None: mosquitto where it is installed).

    It ends with `stack`. Raises BenchError when it is not installed or the port is taken.
    """
    kind = wanted or ("mosquitto" if find_mosquitto() else "builtin")
    if kind == "mosquitto" and not find_mosquitto():
        raise BenchError("mosquitto is not installed: install it, or use --broker builtin")
    broker = OwnBroker((Mosquitto if kind == "mosquitto" else BuiltinBroker)(host=host, port=port, users=users))
    stack.callback(broker.close)
    return broker.start()
