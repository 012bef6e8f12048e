"""The chips a twin can be, as their ROM shows them: where the boot loader lies, what the registers say that tools read, names.

Register addresses and meanings: Espressif's technical reference manuals and esptool's targets. Pure data.
"""

from dataclasses import dataclass, field

SPI_CMD, SPI_USR_BIT = 0x00, 1 << 18


@dataclass(frozen=True)
class ChipModel:
    """name: as in board files; image_id: byte 12 of its images; boot_at: offset of the boot loader; spi: base and offsets of USR2, MISO
    length and W0; mac_at, mac_order: eFuse words of the MAC; registers: {address: value} of what is fixed."""

    name: str
    title: str
    image_id: int
    boot_at: int
    spi: tuple
    mac_at: int
    mac_swapped: bool
    security_info: bool
    usb_ids: tuple
    build: str
    registers: dict = field(default_factory=dict)

    def memory(self, mac):
        """{address: value} of every register that has one."""
        low, high = int.from_bytes(mac[2:6], "big"), int.from_bytes(mac[0:2], "big")
        return {**self.registers, self.mac_at: low, self.mac_at + 4: high}


_OLD_SPI = (0x24, 0x80)      # offsets of USR2 and W0
_NEW_SPI = (0x20, 0x58)

CHIPS = {model.name: model for model in (
    ChipModel("esp32", "ESP32", 0, 0x1000, (0x3FF42000, *_OLD_SPI), 0x3FF5A004, False, False, ("10c4:ea60", "1a86:7523"), "ESP32_GENERIC", {
        0x40001000: 0x00F01D83,                     # what tools know the chip by
        0x3FF5A00C: 1 << 15 | 1 << 9, 0x3FF5A014: 1 << 20, 0x3FF6607C: 1 << 31,    # D0WD, revision 3
        0x3FF40014: 347,                            # UART divider at 115200: a crystal of 40 MHz
    }),
    ChipModel("esp32s2", "ESP32-S2", 2, 0x1000, (0x3F402000, *_NEW_SPI), 0x3F41A044, False, True, ("303a:4001",), "ESP32_GENERIC_S2", {0x40001000: 0x000007C6}),
    ChipModel("esp32s3", "ESP32-S3", 9, 0, (0x60002000, *_NEW_SPI), 0x60007044, False, True, ("303a:4001", "303a:1001"), "ESP32_GENERIC_S3", {0x40001000: 0x9}),
    ChipModel("esp32c3", "ESP32-C3", 5, 0, (0x60002000, *_NEW_SPI), 0x60008844, False, True, ("303a:1001",), "ESP32_GENERIC_C3",
              {0x40001000: 0x1B31506F, 0x60008850: 3 << 18}),
    ChipModel("esp32c6", "ESP32-C6", 13, 0, (0x60003000, *_NEW_SPI), 0x600B0844, False, True, ("303a:1001",), "ESP32_GENERIC_C6", {0x40001000: 0x2CE0806F}),
)}
