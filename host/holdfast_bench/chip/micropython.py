"""micropython, as on the ESP32: kbd_intr drives the console, schedule the chip's own queue. The rest is the interpreter's."""

import micropython as _host
from micropython import const, heap_lock, heap_unlock, mem_info, opt_level, qstr_info, stack_use  # noqa: F401

from . import sched
from .soc import chip


def kbd_intr(char):
    """The byte that means Ctrl-C on the console; -1 for none."""
    chip.console.interrupt_char = char


def schedule(fn, arg):
    sched.schedule(fn, arg)


def alloc_emergency_exception_buf(size):
    pass


RingIO = getattr(_host, "RingIO", None)
