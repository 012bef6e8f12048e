"""The drivers `twin`: Wi-Fi, power and network of a virtual board, by way of the model that it lives in.

May use: the twin's host and its world. Every call is carried out in the host's loop; each can say whether it took effect.
"""

from ..world import air


class TwinWifi:
    """The access point of one board."""

    def __init__(self, host, board):
        self._host, self._ap = host, board.options.ether.aps[0]

    def away(self):
        self._host.call(self._ap.off)

    def back(self):
        self._host.call(self._ap.on)

    def is_away(self):
        return not self._ap.up


class TwinPower:
    def __init__(self, board):
        self._board = board
        self.off, self.on = board.power_off, board.power_on

    def is_off(self):
        return self._board.state == "off"


class TwinNetwork:
    """What lies between one board and the broker's host."""

    def __init__(self, host, board, broker_ip):
        self._host, self._air, self._stack = host, board.silicon.air, board.silicon.stack
        self._broker = host.call(host.network.host, broker_ip)
        self._rule = None
        self._lost_before = self._flows = 0

    def set_mode(self, mode):
        """`pass`, `blackhole` (frames vanish), `refuse` (RST to every SYN and to what stands)."""
        self._host.call(self._set, mode)

    def forget_flows(self):
        """The connections that stand now are dead without a sign, for good."""
        self._host.call(self._forget)

    def evidence(self, what):
        """What shows that `what` has taken effect, or None."""
        return self._host.call(self._evidence, what)

    def _set(self, mode):
        self._air.remove(self._rule)
        self._rule, self._lost_before = None, self._air.lost
        self._broker.refusing = mode == "refuse"
        if mode == "refuse":
            self._broker.reset_all()
        elif mode == "blackhole":
            self._rule = self._air.add(air.Blackhole())

    def _forget(self):
        self._flows = len(self._stack.flows)
        self._air.add(air.Forgotten(self._stack.flows))

    def _evidence(self, what):
        if what == "refuse":
            return "every connection is answered by RST" if self._broker.refusing else None
        if what == "blackhole":
            lost = self._air.lost - self._lost_before
            return "%d frames lost" % lost if lost else None
        return "%d standing connections are dead" % self._flows if self._flows else None
