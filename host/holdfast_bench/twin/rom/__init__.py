"""What a chip does before MicroPython: the ROM's loader for esptool, the boot loader's look at the flash, the strapping lines."""
