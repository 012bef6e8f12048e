"""vfs, as on the ESP32: what the older os module also offers."""

from .os import VfsFat, VfsLfs2, mount, umount  # noqa: F401
