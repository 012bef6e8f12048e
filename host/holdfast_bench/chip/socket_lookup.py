"""What a program may give as an address, and what becomes of it: dotted numbers as lwIP reads them, names by DNS, which blocks.

May use: soc (its resolver, its station's name server), the kernel's wait.
"""

from ..world import lwip
from ..world.station import VIEW
from .soc import chip

_DNS = VIEW.index("dns")

_kernel = chip.kernel


def _number(text):
    """lwIP's reading of a dotted address: also 192.168.1026; None when it is a name."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    try:
        values = [int(p) for p in parts]
    except ValueError:
        return None
    value = 0
    for i, v in enumerate(values[:-1]):
        if not 0 <= v < 256:
            return None
        value |= v << (24 - 8 * i)
    if not 0 <= values[-1] < 1 << (8 * (5 - len(values))):
        return None
    value |= values[-1]
    return "%d.%d.%d.%d" % (value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255)


def of_tuple(address):
    """(ip, port) of what a program gives as an address; raises TypeError, ValueError, and what look_up() raises."""
    if not isinstance(address, (tuple, list)):
        raise TypeError("object '%s' isn't a tuple or list" % type(address).__name__)
    if len(address) != 2:
        raise ValueError("requested length 2 but object has length %d" % len(address))
    return look_up(address[0], address[1])


def look_up(host, port):
    """(ip, port); blocks up to 7 s a name server, and nothing gets through meanwhile. Raises OSError with EAI_SERVICE or EAI_FAIL."""
    if not isinstance(host, str):
        raise TypeError("can't convert '%s' object to str implicitly" % type(host).__name__)
    try:
        port = int(port)
    except ValueError:
        raise OSError(lwip.EAI_SERVICE)
    if not 0 <= port <= 65535:
        raise OSError(lwip.EAI_SERVICE)
    _kernel.spend_us(400)
    if host == "":
        return "0.0.0.0", port
    if host == "localhost":
        return "127.0.0.1", port
    ip = _number(host)
    if ip is None:
        ip = chip.resolver.resolve(host, (chip.station.view()[_DNS],), _kernel.wait)
        if ip is None:
            raise OSError(lwip.EAI_FAIL)
    return ip, port
