"""flashbdev, as frozen into the ESP32's image: the partition with the file system."""

from .esp32 import Partition

bdev = Partition("vfs")
