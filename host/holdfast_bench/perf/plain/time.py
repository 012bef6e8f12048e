# time.py - the interpreter's own, but time() counts whole seconds, as on the chip.
from utime import *  # noqa: F401,F403
import utime


def time():
    return int(utime.time())
