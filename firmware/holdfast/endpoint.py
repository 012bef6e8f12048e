# endpoint.py - one broker: where it is, how it likes to be spoken to, when it may be tried again.
# May import: breaker, errors, lookup, retry, transport, transport_tls, transport_udp, transport_ws.   Time (ticks, stamps) is handed in.   Blocks: address(), for DNS: when nothing is remembered, or what is leads
# nowhere, and find(), which does not block, got no answer - then again after a minute at the earliest, and twice that each time.
from micropython import const
from time import ticks_ms

from .breaker import on_trial
from .errors import Fault
from .retry import Target
from .transport import Tcp, resolve

_REMEMBERED = const(3)  # the resume record has room for that many
_RETRY = const(44)  # in the resume record, for each: attempt, breaker, low half of the stamp of the next try
_RETRY_FORM = const(">BBH")
_ADDRESS = const(80)  # and the last good address
_ADDRESS_FORM = const("4s")
_NO_ADDRESS = const(b"\0\0\0\0")
_ASK_OFTEN = const(100)  # stamps
_ASK_AGAIN = const(600)
_ASK_LEAST = const(9600)


class Endpoint:
    # broker: checked settings (host, port, user, password). number: its place in the configuration. server(): address of the name server.
    def __init__(self, cfg, broker, number, block, stamp, server):
        self.broker = broker
        self.target = Target(cfg)
        self.patient = False  # wants nothing before its CONNACK
        self.patience_ms = cfg["connack_ms"]  # how long its answer to the CONNECT at hand may take
        self.clean = False  # the next session begins with nothing kept
        self._block = block if number < _REMEMBERED else None
        self._spot = 4 * number
        self._server = server
        self._address = None
        self._others = []  # further addresses of the last answer
        self.left = 0  # how many of them have not been tried in this round
        self._named = not broker["host"].replace(".", "").isdigit()
        self._doubted = False  # the address has led nowhere
        self._ask_at = None  # stamp before which DNS is not asked about a doubted address
        self._pause = _ASK_AGAIN
        if self._block:
            self.target.unpack(*block.peek(_RETRY + self._spot, _RETRY_FORM), ticks_ms(), stamp)
            known = block.peek(_ADDRESS + self._spot, _ADDRESS_FORM)[0]
            if self._named and known != _NO_ADDRESS:
                self._address = resolve(".".join([str(n) for n in known]), broker["port"])

    # A transport that leads there.
    def transport(self):
        if self.broker["transport"] == "udp":
            from .transport_udp import Udp

            return Udp()
        line = Tcp()
        if self.broker["tls"]:
            from .transport_tls import Tls

            line = Tls(self.broker)
        if self.broker["transport"] == "ws":
            from .transport_ws import WebSocket

            line = WebSocket(line, self.broker)
        return line

    # Is nothing to be sent to it before its CONNACK? One that has refused us may again, and closes then on what it has not read: the reset
    # that follows can overtake the CONNACK which says why.
    def waits(self):
        return self.patient or on_trial(self.target.breaker)

    # Is the name to be asked for?
    def due(self, stamp):
        return self._named and (self._address is None or self._doubted and (self._ask_at is None or stamp >= self._ask_at))

    # Asks for all addresses of the name, without blocking; where nobody can tell, address() asks in the port's way. Raises Fault: dns.
    async def find(self, stamp):
        from .lookup import look_up

        found = await look_up(self.broker["host"], self._server())
        if found:
            known = self._address
            others = [resolve(text, self.broker["port"]) for text in found]
            if known in others:  # led nowhere: the last to be tried again
                others.remove(known)
                others.append(known)
            self._address = others.pop(0)
            self._others = others
            self.left = len(others)
            self._doubted = False
            self._ask_at = stamp + _ASK_OFTEN
        elif self._address is None:
            if found is not None:
                raise Fault("dns", "%s: no such name" % self.broker["host"])
        elif found is not None or self._pause == _ASK_AGAIN:
            self._unknown(stamp)

    # On to the next address of the name. False: all have been tried; the next round begins with the last one.
    def another(self):
        if not self.left:
            self.left = len(self._others)
            return False
        self.left -= 1
        self._others.append(self._address)
        self._address = self._others.pop(0)
        return True

    # The old address may be right after all: the name server is away, too.
    def _unknown(self, stamp):
        self._ask_at = stamp + self._pause
        self._pause = min(self._pause * 2, _ASK_LEAST)

    # The address to dial. before_dns(): called when this is going to block. Raises Fault: dns.
    def address(self, stamp, before_dns):
        if self._address is None or self.due(stamp):
            if self._named:
                before_dns()
            try:
                self._address = resolve(self.broker["host"], self.broker["port"])
                self._doubted = False
                self._ask_at = stamp + _ASK_OFTEN  # an answer costs little, but may come from a cache
            except Fault:
                if self._address is None:
                    raise
                self._unknown(stamp)
        return self._address

    # Is there an address to dial without asking DNS?
    def known(self):
        return self._address is not None or not self._named

    # Nobody answers there: DNS may know better.
    def doubt(self):
        self._doubted = self._named

    # The broker was there: its address is worth remembering over a reset. The caller commits the block.
    def confirm(self):
        self.left = len(self._others)
        self._doubted = False
        self._ask_at = None
        self._pause = _ASK_AGAIN
        if self._named and self._block and isinstance(self._address[0], str):
            self._block.poke(_ADDRESS + self._spot, _ADDRESS_FORM, bytes([int(n) for n in self._address[0].split(".")]))

    def save(self, stamp):
        if self._block:
            self._block.poke(_RETRY + self._spot, _RETRY_FORM, *self.target.pack(ticks_ms(), stamp))
