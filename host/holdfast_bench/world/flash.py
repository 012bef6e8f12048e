"""NOR flash: erase sets a sector to 0xFF, programming can only clear bits, both take time and can be cut in the middle.

The image is any object with read_at(offset, buf, n) and write_at(offset, buf, n), which transfer n bytes and allocate nothing; the
twin gives a file, tests a bytearray.
"""

SECTOR = 4096
ERASE_US = 45000       # typical 4 KB sector erase
PROGRAM_US_256 = 700   # typical 256-byte page
READ_US_256 = 8


class Memory:
    """An image in RAM."""

    def __init__(self, size):
        self.data = bytearray(b"\xff") * size

    def read_at(self, offset, buf, n):
        for i in range(n):
            buf[i] = self.data[offset + i]

    def write_at(self, offset, buf, n):
        for i in range(n):
            self.data[offset + i] = buf[i]


class Flash:
    """Sector operations on an image. `spend_us(n)` charges their time; the cut fault ends the life in the middle of one.

    The data part of an operation allocates nothing: littlefs also writes when the garbage collector closes a forgotten file,
    and then the heap is locked. In that case the time is not charged, and a cut ends the life at its next call.
    """

    def __init__(self, kernel, image, size):
        self.kernel = kernel
        self.image = image
        self.size = size
        self.erases = 0
        self.programs = 0
        self.cuts = 0
        self._cut = None
        self._dead = False
        self._scratch = bytearray(SECTOR)
        self._blank = b"\xff" * SECTOR

    def read(self, offset, buf):
        self.image.read_at(offset, buf, len(buf))
        self._charge(READ_US_256 * (len(buf) + 255) // 256)

    def erase(self, sector):
        self.erases += 1
        self._write(sector * SECTOR, self._blank, SECTOR)
        self._charge(ERASE_US)

    def program(self, offset, buf):
        """buf: at most a sector."""
        self.programs += 1
        n = len(buf)
        old = self._scratch
        self.image.read_at(offset, old, n)
        for i in range(n):
            old[i] &= buf[i]
        self._write(offset, old, n)
        self._charge(PROGRAM_US_256 * ((n + 255) // 256))

    def cut_in(self, bytes_left, reset):
        """The fault: after that many more bytes written (erased or programmed) `reset`, a ChipReset, ends the life."""
        self._cut = [bytes_left, reset]
        self._dead = False

    def cut_off(self):
        """The fault that has not struck yet does not."""
        self._cut = None

    def revive(self):
        """Another life begins: what it writes is written."""
        self._dead = False

    def _write(self, offset, buf, n):
        if self._dead:
            return
        cut = self._cut
        if cut is not None:
            if cut[0] < n:
                self._cut = None
                self.cuts += 1
                self._dead = True        # whatever the dying program still closes
                self.image.write_at(offset, buf, cut[0])
                self.kernel.halt(cut[1])
                if not heap_locked():
                    self.kernel.check()
                return
            cut[0] -= n
        self.image.write_at(offset, buf, n)

    def _charge(self, us):
        if not heap_locked():
            self.kernel.spend_us(us)


def heap_locked():
    """Whether nothing can be allocated now, as within the garbage collector."""
    try:
        bytearray(1)
        return False
    except MemoryError:
        return True
