# received.py - which QoS 2 messages came in and are not yet released, so that none is handed over twice (R16).
# May import: errors; the block is handed in.   Time: none.   Blocks: one RTC write per change.
#
# In the resume record: a packet id and a bit map of the 32 ids from it on. Brokers count their ids upwards, so that holds
# any window they use; ids outside it are remembered in RAM alone.
from micropython import const

from .errors import Fault

_MOST = const(256)  # ids that a broker may leave without PUBREL; real ones have 20 on their way
_BITS = const(32)
_RESUME = const(92)  # in the resume record: lowest packet id, bit map
_RESUME_FORM = const(">H4s")


class Received:
    def __init__(self, block):
        self._block = block
        base, bits = block.peek(_RESUME, _RESUME_FORM)
        self._ids = [base + i for i in range(_BITS) if bits[i >> 3] & 1 << (i & 7)]

    # True when the message is new: hand it over. Call before answering PUBREC. Raises Fault: protocol.
    def remember(self, pid):
        if pid in self._ids:
            return False
        if len(self._ids) >= _MOST:
            raise Fault("protocol", "flood")
        self._ids.append(pid)
        self._save()
        return True

    # PUBREL came: the id may be used again.
    def forget(self, pid):
        if pid in self._ids:
            self._ids.remove(pid)
            self._save()

    # Another broker, or one that has forgotten the session: its ids mean other messages.
    def clear(self):
        if self._ids:
            self._ids = []
            self._save()

    def _save(self):
        base = min(self._ids) if self._ids else 0
        bits = bytearray(_BITS // 8)
        for pid in self._ids:
            if pid - base < _BITS:
                bits[pid - base >> 3] |= 1 << (pid - base & 7)
        self._block.poke(_RESUME, _RESUME_FORM, base, bits)
        self._block.commit()
