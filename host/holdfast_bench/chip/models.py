"""In what the chips differ for a program, beyond what is the same in all: names, UARTs, pins, byte code for native parts.

From MicroPython's board definitions and Espressif's data sheets (docs/twin.md). Data only.
"""


class Model:
    """board, mcu: the two names of the banner; uarts: how many; pins: one more than the highest; missing: those that are not there;
    inputs_from: the first that can only be an input (0: none); mpy: sys.implementation._mpy."""

    def __init__(self, board, mcu, build, uarts, pins, missing=(), inputs_from=0, mpy=11014):
        self.machine = "%s with %s" % (board, mcu)
        self.build = build
        self.uarts = uarts
        self.pins = pins
        self.missing = missing
        self.inputs_from = inputs_from
        self.mpy = mpy


MODELS = {
    "esp32": Model("Generic ESP32 module", "ESP32", "ESP32_GENERIC", 3, 40, (20, 24, 28, 29, 30, 31), 34),
    "esp32s2": Model("Generic ESP32S2 module", "ESP32S2", "ESP32_GENERIC_S2", 2, 47, (22, 23, 24, 25), 46),
    "esp32s3": Model("Generic ESP32S3 module", "ESP32S3", "ESP32_GENERIC_S3", 3, 49, (22, 23, 24, 25)),
    "esp32c3": Model("ESP32C3 module", "ESP32C3", "ESP32_GENERIC_C3", 2, 22, mpy=12038),
    "esp32c6": Model("ESP32C6 module", "ESP32C6", "ESP32_GENERIC_C6", 2, 31, mpy=12038),
}

# A 4 MB flash without OTA, as esp32.Partition shows it: type, subtype, address, size, label.
PARTITIONS = ((0, 0, 0x10000, 0x1F0000, "factory"), (1, 2, 0x9000, 0x6000, "nvs"), (1, 1, 0xF000, 0x1000, "phy_init"), (1, 129, 0x200000, 0x200000, "vfs"))
