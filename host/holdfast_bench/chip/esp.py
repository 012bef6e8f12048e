"""esp, as on the ESP32: the flash as a whole."""

from .soc import chip

LOG_NONE, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_VERBOSE = 0, 1, 2, 3, 4, 5
_SECTOR = 4096


def osdebug(level, log_level=LOG_ERROR):
    pass


def flash_size():
    return chip.flash.size


def flash_user_start():
    return 0x200000


def flash_read(offset, buf):
    chip.flash.read(offset, buf)


def flash_write(offset, buf):
    for at in range(0, len(buf), _SECTOR):
        chip.flash.program(offset + at, memoryview(buf)[at:at + _SECTOR])


def flash_erase(sector):
    chip.flash.erase(sector)
