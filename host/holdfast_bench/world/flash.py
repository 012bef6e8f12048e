"""NOR flash: erase sets a sector to 0xFF, programming can only clear bits, both take time and can be cut in the middle.

The image is any object with read_at(offset, buf) and write_at(offset, buf); the twin gives a file, tests a bytearray.
"""

SECTOR = 4096
ERASE_US = 45000       # typical 4 KB sector erase
PROGRAM_US_256 = 700   # typical 256-byte page
READ_US_256 = 8


class Memory:
    """An image in RAM."""

    def __init__(self, size):
        self.data = bytearray(b"\xff") * size

    def read_at(self, offset, buf):
        buf[:] = self.data[offset:offset + len(buf)]

    def write_at(self, offset, buf):
        self.data[offset:offset + len(buf)] = buf


class Flash:
    """Sector operations on an image. `spend_us(n)` charges their time; the cut fault ends the life in the middle of one."""

    def __init__(self, kernel, image, size):
        self.kernel = kernel
        self.image = image
        self.size = size
        self.erases = 0
        self.programs = 0
        self._cut = None

    def read(self, offset, buf):
        self.kernel.spend_us(READ_US_256 * (len(buf) + 255) // 256)
        self.image.read_at(offset, buf)

    def erase(self, sector):
        self.erases += 1
        blank = b"\xff" * SECTOR
        self._write(sector * SECTOR, blank)
        self.kernel.spend_us(ERASE_US)

    def program(self, offset, buf):
        self.programs += 1
        old = bytearray(len(buf))
        self.image.read_at(offset, old)
        for i in range(len(old)):
            old[i] &= buf[i]
        self._write(offset, old)
        self.kernel.spend_us(PROGRAM_US_256 * ((len(buf) + 255) // 256))

    def cut_in(self, bytes_left, reset):
        """The fault: after that many more bytes written (erased or programmed) `reset`, a ChipReset, ends the life."""
        self._cut = [bytes_left, reset]

    def _write(self, offset, buf):
        cut = self._cut
        if cut is not None:
            if cut[0] < len(buf):
                self._cut = None
                self.image.write_at(offset, buf[:cut[0]])
                self.kernel.halt(cut[1])
                self.kernel.check()
            cut[0] -= len(buf)
        self.image.write_at(offset, buf)
