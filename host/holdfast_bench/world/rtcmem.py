"""RTC user memory: 2048 bytes that outlive every reset but power and EN, and whose writes can tear.

A write copies the bytes, then sets the length; a reset between the two leaves new bytes under the old length. The tear
fault stops a write after any number of bytes. A subclass may keep the content in a file (`saved`).
"""

SIZE = 2048


class RtcMemory:
    """The block and its faults."""

    def __init__(self, kernel, size=SIZE):
        self.kernel = kernel
        self.size = size
        self.data = bytearray(size)
        self.length = 0
        self.writes = 0
        self._tear = None

    def read(self):
        return bytes(self.data[:self.length])

    def write(self, buf):
        """Replace the content; buf is bytes or a bytearray. Raises ValueError when buf is too long, ChipReset when the tear fault strikes."""
        n = len(buf)
        if n > self.size:
            raise ValueError("buffer too long")
        self.writes += 1
        if self._tear is not None:
            after, reset = self._tear
            self._tear = None
            cut = min(after, n)
            self.data[:cut] = buf[:cut]
            self.saved(0, cut)
            self.kernel.halt(reset)
            self.kernel.check()
        self.data[:n] = buf
        self.saved(0, n)
        self.length = n
        self.saved_length()

    def tear_next(self, after_bytes, reset):
        """The next write stops after that many bytes (all of them: only the length is missing) and `reset`, a ChipReset,
        ends the life."""
        self._tear = (after_bytes, reset)

    def tear_none(self):
        """A tear that has not come yet does not come any more."""
        self._tear = None

    def lose(self, rng):
        """Power was off: noise in the cells, and the magic word no longer fits, so the port starts with nothing."""
        self.data[:] = rng.fill(self.size)
        self.length = 0
        self.saved(0, self.size)
        self.saved_length()

    def saved(self, start, end):
        """Hook: data[start:end] has changed."""

    def saved_length(self):
        """Hook: the length has changed."""
