# endpoint.py - one broker: where it is, how it likes to be spoken to, when it may be tried again.
# May import: retry, transport.   Time (ticks, stamps) is handed in.   Blocks: address(), for DNS, when nothing is remembered.
from micropython import const
from time import ticks_ms

from .retry import Target
from .transport import Tcp, resolve

_REMEMBERED = const(3)  # the resume record has room for that many
_RETRY = const(44)  # in the resume record, for each: attempt, breaker, low half of the stamp of the next try
_RETRY_FORM = ">BBH"
_ADDRESS = const(80)  # and the last good address
_ADDRESS_FORM = "4s"
_UNKNOWN = b"\0\0\0\0"


class Endpoint:
    # broker: checked settings (host, port, user, password). number: its place in the configuration.
    def __init__(self, cfg, broker, number, block, stamp):
        self.broker = broker
        self.target = Target(cfg)
        self.patient = False  # wants nothing before its CONNACK
        self._block = block if number < _REMEMBERED else None
        self._spot = 4 * number
        self._address = None
        self._named = not broker["host"].replace(".", "").isdigit()
        if self._block:
            self.target.unpack(*block.peek(_RETRY + self._spot, _RETRY_FORM), ticks_ms(), stamp)

    # A transport that leads there.
    def transport(self):
        if self.broker["transport"] == "udp":
            from .transport_udp import Udp

            return Udp()
        return Tcp()

    # The address to dial. before_dns(): called when this is going to block. Raises Fault(DNS).
    def address(self, before_dns):
        if self._address is None:
            host = self.broker["host"]
            if self._named:
                known = self._block.peek(_ADDRESS + self._spot, _ADDRESS_FORM)[0] if self._block else _UNKNOWN
                if known != _UNKNOWN:
                    host = ".".join([str(n) for n in known])
                else:
                    before_dns()
            self._address = resolve(host, self.broker["port"])
        return self._address

    # Nobody answers there: ask DNS again. The caller commits the block.
    def doubt(self):
        if self._named:
            self._address = None
            if self._block:
                self._block.poke(_ADDRESS + self._spot, _ADDRESS_FORM, _UNKNOWN)

    # The broker was there: its address is worth remembering over a reset. The caller commits the block.
    def confirm(self):
        if self._named and self._block and isinstance(self._address[0], str):
            self._block.poke(_ADDRESS + self._spot, _ADDRESS_FORM, bytes([int(n) for n in self._address[0].split(".")]))

    def save(self, stamp):
        if self._block:
            self._block.poke(_RETRY + self._spot, _RETRY_FORM, *self.target.pack(ticks_ms(), stamp))
