"""A bundle of firmware, cut into the pieces that nodes ask for (docs/updates.md). What `holdfast update` serves, and the simulation's world.

Common subset of CPython and MicroPython. The file may be far larger than what there is of memory.
"""

import json
from binascii import unhexlify

MAGIC = b"holdfast-bundle 1 "
SIGNATURE = 65      # bytes of the last line of the head
PIECE_MAX = 4096


class Pieces:
    """file: a bundle, open for reading bytes. Raises ValueError when it is none."""

    def __init__(self, file):
        self._file = file
        first = file.readline()
        if first[:len(MAGIC)] != MAGIC or len(first) != len(MAGIC) + 18:
            raise ValueError("no bundle")
        self.head, self.size = int(first[18:26]), int(first[27:35])
        self.version = json.loads(file.readline())["ver"]
        if file.seek(0, 2) != self.size:
            raise ValueError("cut short")
        file.seek(self.head - SIGNATURE)
        self.tag = str(file.read(8), "ascii")

    def announcement(self, number, limit_s):
        """The payload of cmd/update."""
        return json.dumps({"id": number, "tag": self.tag, "head": self.head, "size": self.size, "limit_s": limit_s}).encode()

    def wanted(self, request):
        """(offset, bytes) that a payload of the topic `piece` asks for; None when it is not about this bundle."""
        try:
            asked = json.loads(request)
            at, n = asked["at"], asked["n"]
            if asked["tag"] == self.tag and 0 <= at < self.size and 0 < n <= PIECE_MAX:
                return at, n
        except (ValueError, TypeError, KeyError):
            pass
        return None

    def piece(self, at, n):
        """The payload of cmd/piece: tag, offset, bytes."""
        self._file.seek(at)
        return unhexlify(self.tag) + bytes((at >> 24, at >> 16 & 255, at >> 8 & 255, at & 255)) + self._file.read(n)
