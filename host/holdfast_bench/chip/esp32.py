"""esp32, as on the ESP32: NVS, heap information, the partition table. Nothing of RMT, PCNT, ULP."""

from ..world.nvs import NvsError
from .soc import chip

HEAP_DATA = 4
HEAP_EXEC = 1
WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = 0, 1

_kernel = chip.kernel


class NVS:
    def __init__(self, namespace):
        _kernel.spend_us(500)
        self._space = namespace
        if len(namespace) > 15:
            raise OSError(-4361, "ESP_ERR_NVS_KEY_TOO_LONG")

    def _do(self, fn, *args):
        _kernel.spend_us(300)
        try:
            return fn(self._space, *args)
        except NvsError as e:
            raise OSError(*e.args)

    def set_i32(self, key, value):
        if not isinstance(value, int):
            raise TypeError("can't convert %s to int" % type(value).__name__)
        if not -0x80000000 <= value <= 0x7FFFFFFF:
            raise OverflowError("overflow converting long int to machine word")
        _kernel.spend_us(3000)
        self._do(chip.nvs.set, key, value)

    def get_i32(self, key):
        return self._do(chip.nvs.get, key, int)

    def set_blob(self, key, value):
        value = value.encode() if isinstance(value, str) else bytes(value)
        _kernel.spend_us(3000 + len(value) * 5)
        self._do(chip.nvs.set, key, value)

    def get_blob(self, key, buf):
        if isinstance(buf, (bytes, str)):
            raise TypeError("object with buffer protocol required")
        value = self._do(chip.nvs.get, key, bytes)
        if len(value) > len(buf):
            raise OSError(-4364, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[:len(value)] = value
        return len(value)

    def erase_key(self, key):
        _kernel.spend_us(3000)
        self._do(chip.nvs.erase, key)

    def commit(self):
        self._do(chip.nvs.commit)


def idf_heap_info(capabilities):
    """[(total, free, largest free block, least free ever)]: one region of the size an ESP32 has left beside MicroPython."""
    radio = 8000 if chip.station.view()[0] else 0
    return [(229376, 103796 - radio, 102400 - radio, 99796 - radio)]


def raw_temperature():
    return 128


def hall_sensor():
    return 0


class Partition:
    BOOT, RUNNING = 0, 1
    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, id, block_size=4096):
        if id in (self.BOOT, self.RUNNING):
            id = [row[4] for row in chip.partitions if row[0] == self.TYPE_APP][0]
        for row in chip.partitions:
            if row[4] == id:
                self._row = row
                return
        raise OSError(2)

    @classmethod
    def find(cls, type=0, subtype=0xFF, label=None, block_size=4096):
        return [cls(row[4]) for row in chip.partitions if row[0] == type and subtype in (0xFF, row[1]) and label in (None, row[4])]

    @staticmethod
    def mark_app_valid_cancel_rollback():
        pass

    def info(self):
        return self._row + (False,)

    def readblocks(self, block, buf, offset=0):
        chip.flash.read(self._row[2] + block * 4096 + offset, buf)

    def writeblocks(self, block, buf, offset=None):
        start = self._row[2] + block * 4096
        if offset is None:
            for i in range(len(buf) // 4096):
                chip.flash.erase(start // 4096 + i)
            offset = 0
        if len(buf) <= 4096:
            chip.flash.program(start + offset, buf)
            return
        for at in range(0, len(buf), 4096):
            chip.flash.program(start + offset + at, memoryview(buf)[at:at + 4096])

    def ioctl(self, op, arg):
        if op == 4:      # block count
            return self._row[3] // 4096
        if op == 5:      # block size
            return 4096
        if op == 6:      # erase
            chip.flash.erase(self._row[2] // 4096 + arg)
            return 0

    def __repr__(self):
        return "<Partition type=%d, subtype=%d, address=%d, size=%d, label=%s, encrypted=0>" % self._row
