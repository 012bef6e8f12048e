"""micropython, as on the ESP32: kbd_intr drives the console, schedule the chip's own queue. The rest is the interpreter's."""

import gc

import micropython as _host
from micropython import const, heap_lock, heap_unlock, opt_level, stack_use  # noqa: F401

from . import sched
from .soc import chip


def kbd_intr(char):
    """The byte that means Ctrl-C on the console; -1 for none."""
    chip.console.interrupt_char = char


def schedule(fn, arg):
    sched.schedule(fn, arg)


def alloc_emergency_exception_buf(size):
    pass


def mem_info(verbose=None):
    """By the console; the interpreter's own would print past it."""
    used, free = gc.mem_alloc(), gc.mem_free()
    chip.console.text("stack: %d out of 15360\nGC: total: %d, used: %d, free: %d\n" % (stack_use(), used + free, used, free))


def qstr_info(verbose=None):
    chip.console.text("qstr pool: not known\n")


RingIO = getattr(_host, "RingIO", None)
