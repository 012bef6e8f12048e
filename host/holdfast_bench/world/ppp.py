"""The chip's PPP interface over a serial line, as lwIP and MicroPython's port (network_ppp.c, from 1.27 on) behave.

connect() takes the default route at once, and gives it back to nobody: the next interface that gets an address has it. Echo requests are off in
IDF: that the other side is gone shows in nothing. May use: modem. Time through the kernel.
"""

from .modem import LCP

INACTIVE, ACTIVE, ERROR, CONNECTING, CONNECTED = range(5)      # what status() gives; in the state ERROR minus the error
CONNECT_LOST = 6        # PPPERR_CONNECT
AGAIN_MS = 6000         # FSM_DEFTIMEOUT of lwIP: a request without answer is sent again
REQUESTS = 10
TERMINATES = 2
NEGOTIATION_MS = 500    # LCP and IPCP with the modem, which asks the network meanwhile
ZERO = "0.0.0.0"

# What a program can see of it at a glance, in this order in view().
VIEW = ("status", "error", "ip", "mask", "gateway", "has_address")


class Ppp:
    """on_event(name): up, down; on_down() when the address is gone, on_dns(ip) when there is a name server, on_default() when it takes the default route."""

    prio = 20

    def __init__(self, kernel, modem, net):
        self.kernel = kernel
        self.modem = modem
        self.net = net              # "10.75.0."
        self.on_event = lambda name: None
        self.on_down = lambda: None
        self.on_dns = lambda ip: None
        self.on_default = lambda on: None
        self._timer = None
        modem.on_hang_up = self._ended
        self.reset()

    def reset(self):
        """As after a chip reset: the modem is not told."""
        self.kernel.cancel(self._timer)
        self.status, self.error = INACTIVE, 0
        self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO
        self._tries = 0

    def view(self):
        return [self.status, self.error, self.ip, self.mask, self.gateway, self.has_address()]

    def has_address(self):
        return self.status == CONNECTED

    # --- what the port calls -------------------------------------------------------------------------------------------

    def activate(self):
        if self.status == INACTIVE:
            self.status = ACTIVE

    def connect(self, waiting):
        """waiting: bytes that were on the line when the port began to listen."""
        self.on_default(True)
        self.status = CONNECTING
        self._tries = 0
        # A first frame that somebody else has read is missed until the modem sends it again.
        self._request(waiting.startswith(LCP))

    def _request(self, heard):
        self._timer = self.kernel.after(NEGOTIATION_MS if heard and self.modem.passes() else AGAIN_MS, self._look, heard)

    def _look(self, heard):
        if heard and self.modem.passes():
            self.ip, self.mask, self.gateway = self.net + "15", "255.255.255.255", self.net + "1"
            self.status = CONNECTED
            self.on_dns(self.net + "1")
            self.on_event("up")
            return
        self._tries += 1
        if self._tries >= REQUESTS:
            self.status, self.error = ERROR, CONNECT_LOST
            return
        self._request(True)

    def disconnect(self):
        """In good order: PPP is terminated, and with it the call. Without an answer it takes two time-outs."""
        if self.status in (CONNECTING, CONNECTED):
            self._down()
            answered = self.modem.passes()
            if answered:
                self.modem.terminated()
            self.status = ERROR     # neither connected nor free
            self._timer = self.kernel.after(100 if answered else TERMINATES * AGAIN_MS, self._free)

    def drop(self):
        """active(False): at once, and the modem does not hear of it."""
        self._down()
        self._free(None)

    def _free(self, _):
        self.kernel.cancel(self._timer)
        self.status, self.error = INACTIVE, 0
        self.on_default(False)

    def _down(self):
        self.kernel.cancel(self._timer)
        if self.has_address():
            self.status = ERROR
            self.ip, self.mask, self.gateway = ZERO, ZERO, ZERO
            self.on_down()
            self.on_event("down")

    def _ended(self):
        """The other side has terminated PPP."""
        if self.status in (CONNECTING, CONNECTED):
            self._down()
            self.status, self.error = ERROR, CONNECT_LOST
