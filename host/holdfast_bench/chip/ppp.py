"""network.PPP, as on the ESP32 (network_ppp.c of MicroPython 1.27 and later): in front of the model in world/ppp.py, over a machine.UART.

Loaded by network.py where the world has a modem. From connect() on the port reads the line; who else does steals from it. May use: soc.
"""

from ..world import lwip
from ..world.ppp import ACTIVE, CONNECTED, CONNECTING, ERROR, INACTIVE, VIEW
from ..world.station import VIEW as _STATION
from .soc import chip

_kernel = chip.kernel
_DNS = _STATION.index("dns")


class _View:
    """The interface's view by name."""


_now = _View()


def _see():
    values = chip.ppp.view()
    for i, name in enumerate(VIEW):
        setattr(_now, name, values[i])
    return _now


class PPP:
    SEC_NONE = AUTH_NONE = 0
    SEC_PAP = AUTH_PAP = 1
    SEC_CHAP = AUTH_CHAP = 2

    def __init__(self, stream):
        if stream is not None and not hasattr(stream, "readinto"):
            raise OSError("stream operation not supported")
        self._stream = stream

    def active(self, on=None):
        _kernel.spend_us(200)
        if on is not None:
            if on:
                self._activate()
            elif _see().status != INACTIVE:
                self._listen(False)
                chip.ppp.drop()
        return _see().status != INACTIVE

    def _activate(self):
        if _see().status == INACTIVE:
            chip.ppp.activate()
            self._listen(True)

    def _listen(self, on):
        if self._stream is not None:
            if on:
                self._stream.irq(self.poll, self._stream.IRQ_RXIDLE)
            else:
                self._stream.irq(None)

    def connect(self, *, security=-1, user=None, key=None, authmode=0, username=None, password=None):
        _kernel.spend_us(400)
        self._activate()
        if _see().status in (CONNECTING, CONNECTED):
            raise OSError(lwip.EALREADY)
        security = authmode if security == -1 else security
        if security not in (0, 1, 2):
            raise ValueError("invalid auth")
        for text in (user or username, key or password):
            if security and not isinstance(text, (str, bytes)):
                raise TypeError("can't convert '%s' object to str implicitly" % type(text).__name__)
        chip.ppp.connect(self._take())

    def _take(self):
        taken = b""
        while self._stream is not None and self._stream.any():
            taken += self._stream.read(min(256, self._stream.any()))
        return taken

    def poll(self, irq=None):
        if _see().status in (INACTIVE, ACTIVE, ERROR):
            return -lwip.EPERM
        return len(self._take())

    def disconnect(self):
        _kernel.spend_us(300)
        if _see().status in (CONNECTING, CONNECTED):
            chip.ppp.disconnect()
            self._listen(False)

    def isconnected(self):
        _kernel.spend_us(20)
        return _see().status == CONNECTED

    def status(self):
        _kernel.spend_us(20)
        now = _see()
        return -now.error if now.status == ERROR else now.status

    def config(self, *args, **settings):
        if args and settings:
            raise TypeError("either pos or kw args are allowed")
        if settings:
            if "stream" in settings:
                self._stream = settings["stream"]
            return
        if len(args) != 1:
            raise TypeError("can query only one param")
        if args[0] == "stream":
            return self._stream
        if args[0] == "ifname":
            return None if _see().status == INACTIVE else "pp3"
        raise ValueError("unknown config param")

    def ifconfig(self, new=None):
        """Address, gateway, mask, name server: another order than everywhere else."""
        _kernel.spend_us(300)
        if new is not None:
            chip.station.configure("dns", new[3])
            return
        now = _see()
        if now.status == INACTIVE:
            return None, None, None, None
        return now.ip, now.gateway, now.mask, chip.station.view()[_DNS]

    def ipconfig(self, what=None, **settings):
        _kernel.spend_us(300)
        if settings:
            raise TypeError("setting properties not supported")
        now = _see()
        if now.status == INACTIVE:
            raise ValueError("PPP not active")
        if what == "addr4":
            return now.ip, now.mask
        if what == "gw4":
            return now.gateway
        raise ValueError("unexpected key")

    def __repr__(self):
        return "<PPP>"
