# ladder.py - how far down the trouble is sought: session, association, radio, the whole chip, its power domain.
# May import: nothing; the block is handed in.   Time: lengths of the outage are handed in.   Blocks: never.
#
# Rung 0, a new session or another broker, is what every retry is. The rungs above disturb more each, so each waits for its
# share of the outage; only real progress leads down again. Rung and counts live in the resume record and survive the resets.
#
# Rungs: 0 new session, 1 re-associate, 2 radio off and on, 3 reset, 4 cool-down in deep sleep, which switches off what a reset
# leaves on.
from micropython import const

# In the resume record: rung in use, and how often each was used.
_LADDER = const(33)
_LADDER_FORM = const("B4B")
_DOUBLINGS = const(5)  # the pause between resets doubles up to that often
_WARM = const(2)  # resets that did not help, after which it is deep sleep


# The rung to use now, 0 for none. outage_s: length of the outage; used_s: its length when a rung above 0 was last used (0:
# not yet); rung: that rung; resets: resets and cool-downs that have not helped so far; reset_after_s: outage before the first,
# 0: never.
def climb(outage_s, used_s, rung, resets, reset_after_s):
    if reset_after_s and outage_s >= reset_after_s << min(resets, _DOUBLINGS):
        return 3 if resets < _WARM else 4
    if outage_s >= 90 and (rung < 2 or not used_s or outage_s - used_s >= 120):
        return 2
    if outage_s >= 6 and (not used_s or rung < 2 and outage_s - used_s >= 30):
        return 1
    return 0


# The rung to use now, which is noted as used, 0 for none; and how often rungs were used in this outage. Arguments as of climb().
def next_rung(block, outage_s, used_s, reset_after_s):
    rung, *counts = block.peek(_LADDER, _LADDER_FORM)
    rung = climb(outage_s, used_s, rung, counts[2] + counts[3], reset_after_s)
    if rung:
        counts[rung - 1] = min(counts[rung - 1] + 1, 255)
        block.poke(_LADDER, _LADDER_FORM, rung, *counts)
    return rung, sum(counts)


# Real progress: the next outage begins at the bottom.
def leave(block):
    block.poke(_LADDER, _LADDER_FORM, 0, 0, 0, 0, 0)
