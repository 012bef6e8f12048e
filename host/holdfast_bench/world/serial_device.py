"""A device on the serial line of a node, such as a meter: what it says, numbered by itself, and what it makes of what it hears. Sans-I/O: simulation
and twin carry its bytes. Common subset of CPython and MicroPython. May use: nothing.

Its packets are "<life>:<n> …" with a line end, so that whoever receives them can tell without trusting the node whether one is missing.
"""

UART = 1
PERIOD_MS = 250
BYTES = 24


class Device:
    """settings, as `serial` of a scenario's `world`: period_ms; bytes of a packet; life: eight hex digits."""

    def __init__(self, settings, life):
        self.period_ms = settings.get("period_ms", PERIOD_MS)
        self._bytes = settings.get("bytes", BYTES)
        self.life, self.n = life, 0
        self._heard = b""

    def packet(self):
        """The next one; it has the number n from now on."""
        self.n += 1
        head = "%s:%d " % (self.life, self.n)
        return (head + "." * (self._bytes - 1 - len(head)) + "\n").encode()

    def hears(self, data):
        """[text] of the lines that data completes."""
        *lines, self._heard = (self._heard + bytes(data)).split(b"\n")
        return [str(line, "utf-8") if all([32 <= c < 127 for c in line]) else repr(line) for line in lines]
