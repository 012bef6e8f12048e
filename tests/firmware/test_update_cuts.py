# New firmware over the air (R42, R31): whatever instant the power fails at, the node has the old firmware or the new one, whole, and gets to an end.
import gc
import os

HEAP = "600k"
CHIP = True
LIMIT_S = 1800

import disk
from update_rig import BLOCKS, Flash, NEW, OLD, POINT, Reset, at_root, expected, found, live, lives, made, there


class Cut(BaseException):
    pass


# The power fails after `left` more bytes written. Returns whether it did.
def cut_in(flash, left, work):
    budget = [left]

    def on_write(offset, buf):
        n = len(buf)
        if budget[0] < n:
            kept = bytes(buf[: budget[0]])
            budget[0] = 0  # whatever the program still closes while it unwinds goes nowhere: a chip without power unwinds nothing
            flash.image._file.seek(offset)
            flash.image._file.write(kept)
            raise Cut()
        budget[0] -= n

    flash.image.on_write = on_write
    try:
        work()
        return False
    except Cut:
        return True
    except Reset:
        return False
    finally:
        flash.image.on_write = None


# What files that a cut has left open are closed on, when the collector finds them.
class Gone:
    def read(self, offset, buf):
        pass

    def erase(self, sector):
        pass

    def program(self, offset, buf):
        pass


_block = bytearray(4096)
_copies = []


def copy(source, target):
    source.seek(0)
    target.seek(0)
    for _ in range(BLOCKS):
        source.readinto(_block)
        target.write(_block)


# The flash as it is, in a file of the host.
def snapshot(flash):
    _copies.append(flash.image.path + ".%d" % len(_copies))
    target = open(_copies[-1], "w+b")
    copy(flash.image._file, target)
    return target


# None: as it is, but found anew.
def restore(flash, state):
    try:
        os.umount(POINT)
    except OSError:
        pass
    flash.device.free()
    flash.device.flash = Gone()
    gc.collect()
    if state:
        copy(state, flash.image._file)
    flash.device = disk.mount(flash.image, POINT, BLOCKS)


# Offsets, in bytes written, at which a write of this life ends.
def ends_of_writes(flash, state, work):
    restore(flash, state)
    ends = [0]
    flash.image.on_write = lambda offset, buf: ends.append(ends[-1] + len(buf))
    try:
        at_root(work)
    except Reset:
        pass
    flash.image.on_write = None
    return ends[1:]


# step: bytes from one cut to the next, None: one between any two writes of the life that puts the new files into place.
def sweep(works, step):
    data = made(NEW)
    flash = Flash(OLD)
    states = [snapshot(flash)]  # the flash at the beginning of each life
    for _ in range(8):
        try:
            at_root(lambda: live(data, works))
        except Reset:
            pass
        states.append(snapshot(flash))
        if not there("/next"):
            break
    outcome = expected(works)
    cuts = 0
    for state in states[:-1] if step else states[1:2]:
        ends = ends_of_writes(flash, state, lambda: live(data, works)) if step is None else None
        left = 1
        while True:
            if ends is not None:
                if not ends:
                    break
                left = ends.pop(0)
            restore(flash, state)
            if not cut_in(flash, left, lambda: at_root(lambda: live(data, works))):
                break
            cuts += 1
            restore(flash, None)
            told = lives(data, works)
            assert found() == outcome, (left, told, found().keys())
            # Nothing at all only when the life that was cut had told everything, and just the empty folder was left.
            assert not told or told[-1][0] in ("kept", "taken back", "nothing", "current"), (left, told)
            assert not there("/next"), (left, told)
            left += step or 0
    flash.close()
    for state in states:
        state.close()
    while _copies:
        os.remove(_copies.pop())
    print(len(states) - 1, "lives,", cuts, "cuts")
    assert cuts > 8


def test_wherever_the_power_fails_the_new_firmware_comes_whole():
    sweep(True, 1999)


def test_wherever_the_power_fails_broken_firmware_goes_whole():
    sweep(False, 2999)


def test_between_any_two_writes_of_the_swap_the_power_may_fail():
    sweep(True, None)
    sweep(False, None)


def test_soak_a_cut_at_every_few_bytes_and_the_new_firmware_comes_whole():
    sweep(True, 61)


def test_soak_a_cut_at_every_few_bytes_and_broken_firmware_goes_whole():
    sweep(False, 61)
