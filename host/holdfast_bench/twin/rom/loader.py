"""The ROM's serial loader and the stub that esptool loads over it: packets in, packets out, and a flash to work on.

Follows Espressif's serial protocol (docs.espressif.com, "Serial Protocol"). Sans-I/O; erasing and writing take no time. May use: slip, chips.
"""

import hashlib
import struct
import zlib

from . import slip
from .chips import SPI_CMD, SPI_USR_BIT

(FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN, MEM_END, MEM_DATA, SYNC, WRITE_REG, READ_REG, SPI_SET_PARAMS) = range(0x02, 0x0C)
SPI_ATTACH, READ_FLASH_SLOW, CHANGE_BAUDRATE, DEFL_BEGIN, DEFL_DATA, DEFL_END, FLASH_MD5, GET_SECURITY_INFO = range(0x0D, 0x15)
ERASE_FLASH, ERASE_REGION, READ_FLASH, RUN_USER_CODE = range(0xD0, 0xD4)

# Recognised in a stream of bytes: the beginning of what every tool sends first.
CALL = b"\x07\x07\x12\x20UUUU"
SYNC_VALUE = 0x20120707       # not 0: that would be a stub
SYNC_ANSWERS = 8
INVALID, BAD_CHECKSUM, FLASH_FAILED, DEFLATE_FAILED = 5, 7, 8, 11      # second byte of a failed status
SLOW_READ_MAX = 64
SECTOR = 4096


class Refused(Exception):
    """The command fails with this reason."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class Loader:
    """One visit to the loader. send(bytes) goes to the line; `stub` is whether esptool's stub has been loaded; `ended` becomes
    "reboot" when a command has started the chip's program."""

    def __init__(self, chip, flash, mac, send):
        self.chip, self.flash = chip, flash
        self.stub = False
        self.ended = None
        self._send = send
        self._slip = slip.Unpacker()
        self._memory = chip.memory(mac)
        self._at = self._left = 0         # where the next block of a download goes; bytes that are still to come
        self._inflate = None
        self._reading = None              # (offset, end, block size, most in flight, sent, acknowledged, digest)

    def feed(self, data):
        for packet in self._slip.feed(data):
            if self._reading is not None and len(packet) == 4:
                self._read_acknowledged(struct.unpack("<I", packet)[0])
            elif len(packet) >= 8 and packet[0] == 0:
                self._command(packet)

    def _command(self, packet):
        _, op, size, checksum = struct.unpack_from("<BBHI", packet)
        data = packet[8:8 + size]
        handler = _COMMANDS.get(op)
        if handler is None or (op >= ERASE_FLASH and not self.stub):
            self._answer(op, failed=INVALID)
            return
        try:
            if op in (FLASH_DATA, DEFL_DATA, MEM_DATA) and _checksum(data[16:]) != checksum & 0xFF:
                raise Refused(BAD_CHECKSUM)
            answer = handler(self, data)
        except struct.error:
            self._answer(op, failed=INVALID)
        except Refused as e:
            self._answer(op, failed=e.reason)
        else:
            if answer is not None:
                self._answer(op, *answer)
            if op == MEM_END:
                self._started(data)
            elif op == READ_FLASH:
                self._read_on()

    def _answer(self, op, value=0, data=b"", failed=None):
        status = bytes((0, 0) if failed is None else (1, failed)) + (b"" if self.stub else b"\0\0")
        self._send(slip.pack(struct.pack("<BBHI", 1, op, len(data) + len(status), value) + data + status))

    # --- talking -----------------------------------------------------------------------------------------------------

    def _sync(self, data):
        for _ in range(SYNC_ANSWERS - 1):
            self._answer(SYNC, 0 if self.stub else SYNC_VALUE)
        return (0 if self.stub else SYNC_VALUE,)

    def _read_reg(self, data):
        return (self._memory.get(struct.unpack("<I", data)[0], 0),)

    def _write_reg(self, data):
        for at in range(0, len(data) - 15, 16):
            address, value, mask, _ = struct.unpack_from("<IIII", data, at)
            self._memory[address] = self._memory.get(address, 0) & ~mask | value & mask
            base, usr2, w0 = self.chip.spi
            if address == base + SPI_CMD and value & SPI_USR_BIT:
                self._memory[address] = 0
                self._memory[base + w0] = self._spi(self._memory.get(base + usr2, 0) & 0xFF)
        return ()

    def _spi(self, opcode):
        """A command to the flash chip; what it answers."""
        return {0x9F: self.flash.jedec_id, 0x05: 0}.get(opcode, 0)

    def _security_info(self, data):
        if not self.chip.security_info:
            raise Refused(INVALID)
        info = struct.pack("<IB7s", 0, 0, b"\0" * 7)
        if self.chip.name != "esp32s2":
            info += struct.pack("<II", self.chip.image_id, 0)
        return 0, info

    def _nothing(self, data):
        return ()

    def _change_baudrate(self, data):
        return ()       # a pseudo-terminal has no speed

    # --- memory: the stub --------------------------------------------------------------------------------------------

    def _started(self, data):
        if struct.unpack_from("<I", data)[0] == 0:      # with an entry point: the program that was loaded runs
            self.stub = True
            self._send(slip.pack(b"OHAI"))

    # --- flash -------------------------------------------------------------------------------------------------------

    def _begin(self, data):
        """size, blocks, block size, offset: the region is erased at once."""
        size, _, _, offset = struct.unpack_from("<IIII", data)
        if offset % SECTOR or offset + size > self.flash.size:
            raise Refused(FLASH_FAILED)
        self._at, self._left = offset, size
        self.flash.erase(offset, _whole_sectors(size))
        self._inflate = None
        return ()

    def _deflated_begin(self, data):
        answer = self._begin(data)
        self._inflate = zlib.decompressobj()
        return answer

    def _block(self, data):
        size = struct.unpack_from("<I", data)[0]
        self._program(data[16:16 + size])
        return ()

    def _deflated_block(self, data):
        if self._inflate is None:
            raise Refused(INVALID)
        size = struct.unpack_from("<I", data)[0]
        try:
            self._program(self._inflate.decompress(data[16:16 + size]))
        except zlib.error:
            raise Refused(DEFLATE_FAILED) from None
        return ()

    def _program(self, data):
        if self._at + len(data) > self.flash.size:
            raise Refused(FLASH_FAILED)
        self.flash.program(self._at, data)
        self._at += len(data)

    def _end(self, data):
        if struct.unpack_from("<I", data)[0] == 0:
            self.ended = "reboot"
        return ()

    def _md5(self, data):
        offset, size = struct.unpack_from("<II", data)
        digest = hashlib.md5(self.flash.read(offset, size))
        return 0, digest.digest() if self.stub else digest.hexdigest().encode()

    def _read_slowly(self, data):
        offset, size = struct.unpack_from("<II", data)
        if size > SLOW_READ_MAX:
            raise Refused(INVALID)
        return 0, self.flash.read(offset, size).ljust(SLOW_READ_MAX, b"\0")

    def _erase_all(self, data):
        self.flash.erase(0, self.flash.size)
        return ()

    def _erase_region(self, data):
        offset, size = struct.unpack_from("<II", data)
        if offset % SECTOR or size % SECTOR or offset + size > self.flash.size:
            raise Refused(FLASH_FAILED)
        self.flash.erase(offset, size)
        return ()

    def _read(self, data):
        offset, size, block, in_flight = struct.unpack_from("<IIII", data)
        if offset + size > self.flash.size or not block:
            raise Refused(FLASH_FAILED)
        self._reading = [offset, size, block, max(1, in_flight), 0, 0, hashlib.md5()]
        return ()

    def _read_acknowledged(self, total):
        self._reading[5] = total
        self._read_on()

    def _read_on(self):
        """Blocks until as many are under way as the tool allows; behind the last acknowledgement the digest."""
        offset, size, block, in_flight, sent, acknowledged, digest = self._reading
        while sent < size and sent - acknowledged < block * in_flight:
            data = self.flash.read(offset + sent, min(block, size - sent))
            digest.update(data)
            sent += len(data)
            self._send(slip.pack(data))
        self._reading[4] = sent
        if acknowledged >= size:
            self._reading = None
            self._send(slip.pack(digest.digest()))

    def _run(self, data):
        self.ended = "reboot"
        return None


def _checksum(data):
    state = 0xEF
    for byte in data:
        state ^= byte
    return state


def _whole_sectors(size):
    return -(-size // SECTOR) * SECTOR


_COMMANDS = {
    FLASH_BEGIN: Loader._begin, FLASH_DATA: Loader._block, FLASH_END: Loader._end, MEM_BEGIN: Loader._nothing, MEM_END: Loader._nothing,
    MEM_DATA: Loader._nothing, SYNC: Loader._sync, WRITE_REG: Loader._write_reg, READ_REG: Loader._read_reg, SPI_SET_PARAMS: Loader._nothing,
    SPI_ATTACH: Loader._nothing, READ_FLASH_SLOW: Loader._read_slowly, CHANGE_BAUDRATE: Loader._change_baudrate, DEFL_BEGIN: Loader._deflated_begin,
    DEFL_DATA: Loader._deflated_block, DEFL_END: Loader._end, FLASH_MD5: Loader._md5, GET_SECURITY_INFO: Loader._security_info,
    ERASE_FLASH: Loader._erase_all, ERASE_REGION: Loader._erase_region, READ_FLASH: Loader._read, RUN_USER_CODE: Loader._run,
}
