# lives.py - how the lives of the chip go, each from one reset to the next: why they began, what they complained of, whether they get anywhere.
# May import: machine, errors; block and store are handed in.   Time: none.   Blocks: for NVS, where quick starts are counted while RTC memory is lost.
from micropython import const
import machine

from .errors import GRAVE

# In the resume record.
_BOOTS = const(29)  # boots, the last four reset causes (a nibble each, newest lowest)
_BOOTS_FORM = const(">HH")
_ERRORS = const(110)  # the last grave error of each of the last four lives: its place in errors.GRAVE, from 1; a nibble each likewise
_ERRORS_FORM = const(">H")
_QUICK_MAX = const(15)  # quick starts in a row: upper half of block.flags


# A life begins. Returns how many that are since the block was formatted, quick starts in a row, the causes of the last four starts, and what the
# four lives before this one complained of.
# A start is quick until its life has got anywhere (settled()). Somebody has sent the chip to sleep: nothing went wrong.
def begin(block, store, cause):
    boots, causes = block.peek(_BOOTS, _BOOTS_FORM)
    boots = min(boots + 1, 65535)
    causes = causes << 4 & 0xFFF0 | cause & 15
    block.poke(_BOOTS, _BOOTS_FORM, boots, causes)
    errors = block.peek(_ERRORS, _ERRORS_FORM)[0]
    block.poke(_ERRORS, _ERRORS_FORM, errors << 4 & 0xFFF0)
    quick = 0 if cause == machine.DEEPSLEEP_RESET else store.quick() if block.fresh else (block.flags >> 4) + 1
    quick = min(quick, _QUICK_MAX)
    block.flags = block.flags & 15 | quick << 4
    if not block.torn:  # else the outbox has to see that first, and the count waits for it
        block.commit()
    return boots, quick, causes, errors


# Notes an error of this life, if it is a grave one.
def complain(block, kind):
    if kind in GRAVE:
        block.poke(_ERRORS, _ERRORS_FORM, block.peek(_ERRORS, _ERRORS_FORM)[0] & 0xFFF0 | GRAVE.index(kind) + 1)


# This life has got somewhere.
def settled(block, store):
    if block.flags >> 4:
        block.flags &= 15
        block.commit()
        store.settled()
