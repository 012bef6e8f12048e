# breaker.py - circuit breaker for one endpoint (R5): closed, open for a while, then one trial.
# May import: nothing.   Time: whoever uses it waits.   Blocks: never.
#
# Its whole state is one number below 256, so that it fits the resume record: failures in a row, OPEN (128) or TRIAL (129).
from micropython import const

_OPEN = const(128)
_TRIAL = const(129)


# The state after a failure. limit: failures in a row that open it; a trial that fails opens it again.
def failed(state, limit):
    return _OPEN if state >= _OPEN or state + 1 >= limit else state + 1


def is_open(state):
    return state == _OPEN


def on_trial(state):
    return state == _TRIAL


# The state when its open time is over: one trial is allowed, which failed() or success (state 0) ends.
def rested(state):
    return _TRIAL if state == _OPEN else state
