"""UDP seen from the chip: mailboxes, and datagrams that the air carries or loses. A host's end is a function of its address.

Common subset of CPython and MicroPython. May use: air, lwip.
"""

from . import air as _air
from .lwip import EHOSTUNREACH

MAILBOX = 6             # datagrams lwIP keeps for a socket; what comes then is dropped
FIRST_PORT = 49152      # of those the stack chooses itself


class Datagrams:
    """One UDP socket. inbox: [(ip, port, bytes)]."""

    def __init__(self, stack, port, source=None):
        self.stack = stack
        self.port = port
        self.source = source    # the address it was bound to
        self.inbox = []
        self.dropped = 0
        self._air = stack.air   # of the interface that the last datagram went through: answers come back there

    def send(self, ip, port, data):
        """0, or why it cannot even be sent. That nobody answers is no error."""
        stack = self.stack
        air = stack.air_to(ip, self.source)
        if air is None and stack.wifi.soft_ap is not None:
            air = stack.air     # to whoever has joined our own access point
        if air is None:
            return EHOSTUNREACH
        self._air = air
        host = stack.network(ip)
        if host is not None:
            air.carry(True, _air.DATA, len(data), self, host.datagram, (self, port, bytes(data)))
        return 0

    def answer(self, ip, port, data):
        """A host sends something to this socket."""
        self._air.carry(False, _air.DATA, len(data), self, self.deliver, (ip, port, bytes(data)))

    def deliver(self, datagram):
        if self in self.stack.datagrams:
            if len(self.inbox) < MAILBOX:
                self.inbox.append(datagram)
            else:
                self.dropped += 1

    def close(self):
        if self in self.stack.datagrams:
            self.stack.datagrams.remove(self)
