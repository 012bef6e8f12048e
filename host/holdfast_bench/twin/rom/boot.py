"""What ROM and boot loader say, and whether they find a program to start: the way from a reset to MicroPython.

May use: firmware_image, world.power (the kinds of reset). Pure but for the flash that is read.
"""

from dataclasses import dataclass

from ...firmware_image import APP, TABLE_AT, TABLE_SIZE, ImageError, file_system, read_image, read_partitions

HEAD_MAX = 0x7000        # of the boot loader: up to the partition table at most
OFFSETS = (0x0, 0x1000, 0x2000)      # where the boot loaders of Espressif's chips lie


@dataclass(frozen=True)
class Bootable:
    partitions: list
    vfs: object              # firmware_image.Partition
    version: str             # of the application


class NotBootable(Exception):
    """text: what the console shows in each round of the loop; why: in the user's words."""

    def __init__(self, text, why):
        super().__init__(why)
        self.text, self.why = text, why


def look(flash, chip):
    """What boots from this flash (flashimage.FlashFile) on that chip (rom.chips). Raises NotBootable."""
    head = flash.read(chip.boot_at, HEAD_MAX)
    if head[0] != 0xE9:
        word = int.from_bytes(head[:4], "little")
        elsewhere = [at for at in OFFSETS if at != chip.boot_at and flash.read(at, 1) == b"\xe9"]
        if elsewhere:
            why = "an image lies at 0x%x, where this chip does not look" % elsewhere[0]
        else:
            why = "the flash is erased" if word == 0xFFFFFFFF else "something else is there"
        raise NotBootable("invalid header: 0x%08x\r\n" % word * 6, "there is no boot loader at 0x%x: %s" % (chip.boot_at, why))
    try:
        loader = read_image(head)
    except ImageError as e:
        raise NotBootable("csum err:0x%02x!=0x%02x\r\nets_main.c 371 \r\n" % (head[24], 0xEF), "boot loader: %s" % e) from None
    if loader.chip_id != chip.image_id:
        raise NotBootable("E (25) boot_comm: mismatch chip ID, expected %d, found %d\r\n" % (chip.image_id, loader.chip_id),
                          "the boot loader is for %s, this is %s" % (loader.chip, chip.name))
    try:
        partitions = read_partitions(flash.read(TABLE_AT, TABLE_SIZE), flash.size)
    except ImageError as e:
        raise NotBootable("E (49) flash_parts: %s\r\nE (55) boot: Failed to verify partition table\r\n"
                          "E (60) boot: load partition table error!\r\n" % e.what, str(e)) from None
    apps = [p for p in partitions if p.type == APP]
    if not apps:
        raise NotBootable("E (60) boot: No bootable app partitions in the partition table\r\n", "the partition table has no application")
    app = apps[0]
    try:
        image = read_image(flash.read(app.offset, app.size))
        if image.chip_id != chip.image_id:
            raise ImageError("the application is for %s, this is %s" % (image.chip, chip.name),
                             "mismatch chip ID, expected %d, found %d" % (chip.image_id, image.chip_id))
    except ImageError as e:
        what = e.what.replace("at 0x0 ", "at 0x%x " % app.offset)
        raise NotBootable("E (88) esp_image: %s\r\nE (95) boot: Factory app partition is not bootable\r\n"
                          "E (101) boot: No bootable app partitions in the partition table\r\n" % what, "application: %s" % e) from None
    vfs = file_system(partitions, flash.size)
    if vfs is None:
        raise NotBootable("E (110) boot: no room for a file system\r\n", "the partitions leave no room for a file system")
    return Bootable(partitions, vfs, image.version)
