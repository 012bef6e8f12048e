# packetize.py - cuts what a serial line brings into packets: at a silence, at a length, behind a delimiter (R35).
# May import: nothing.   Time: now (ticks) is handed in.   Blocks: never.
from time import ticks_diff


class Packets:
    # length: bytes of a packet, 0: any. delimiter: bytes that end one (and belong to it), b"": none. idle_ms: silence after which what there
    # is goes as it is, 0: never. longest: bytes after which a packet ends in any case.
    # take(packet): a packet is complete; a memoryview, valid during the call. False: not now - it is kept, retry() offers it again.
    def __init__(self, length, delimiter, idle_ms, longest, take):
        self._limit = length or longest
        self._delimiter = delimiter
        self._idle_ms = idle_ms
        self._take = take
        self._buf = bytearray(self._limit)
        self._view = memoryview(self._buf)
        self._at = 0  # ticks of the last byte
        self.waiting = 0  # bytes of a packet that is not complete, or not taken
        self.held = False  # the packet is complete and was not taken: feed() takes nothing

    # n bytes of data have come. Returns how many were used: all, but when a packet is not taken.
    def feed(self, data, n, now):
        self._at = now
        used = 0
        while used < n and not self.held:
            have = self.waiting
            end = min(have + n - used, self._limit)
            self._buf[have:end] = data[used : used + end - have]
            if self._delimiter:
                found = self._buf.find(self._delimiter, max(0, have + 1 - len(self._delimiter)), end)
                if found >= 0:
                    end = found + len(self._delimiter)
                    used += end - have
                    self.waiting = end
                    self.retry()
                    continue
            used += end - have
            self.waiting = end
            if end == self._limit:
                self.retry()
        return used

    # Offers the packet that is there.
    def retry(self):
        self.held = self._take(self._view[: self.waiting]) is False
        if not self.held:
            self.waiting = 0

    # ms until the silence has lasted long enough for what is waiting; None: nothing to wait for.
    def left_ms(self, now):
        if not self.waiting or self.held or not self._idle_ms:
            return None
        return max(0, self._idle_ms - ticks_diff(now, self._at))

    # The silence may have lasted long enough: if so, what is there is a packet.
    def look(self, now):
        if self.left_ms(now) == 0:
            self.retry()
