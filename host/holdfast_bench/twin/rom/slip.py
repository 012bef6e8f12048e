"""SLIP (RFC 1055): packets on a serial line, as Espressif's loaders frame them. Pure."""

PACKET_MAX = 1 << 17      # more than any block that esptool sends


def pack(payload):
    return b"\xc0" + payload.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Unpacker:
    """Puts packets together from whatever pieces arrive; noise between packets is left out."""

    def __init__(self):
        self._packet = None      # the bytes since the opening END, still escaped

    def feed(self, data):
        """The packets completed by data: [bytes]."""
        found = []
        first, *others = data.split(b"\xc0")
        self._take(first)
        for part in others:
            # An END ends the packet that has begun, or begins one.
            if self._packet:
                found.append(bytes(self._packet).replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb"))
                self._packet = None
            else:
                self._packet = bytearray()
            self._take(part)
        return found

    def _take(self, part):
        if self._packet is not None:
            self._packet += part
            if len(self._packet) > PACKET_MAX:
                self._packet = None
