"""The driver `rts`: holds EN low through the USB bridge. To the chip that is power-on: RTC memory is gone."""

import time

from ..errors import Cannot

PULSE_S = 0.2


class RtsPower:
    def __init__(self, board):
        self._board = board

    def off(self):
        self._board.hold_in_reset(True)

    def on(self):
        self._board.hold_in_reset(False)

    def state(self):
        return None, ""


class RtsLines:
    """The resets that the bridge can make: `en`."""

    def __init__(self, name, history, board):
        self._source, self._history, self._board = "chip/" + name, history, board

    def reset(self, kind):
        if kind != "en":
            raise Cannot("a real board cannot be reset by %r from outside, only by `en`" % kind)
        self._board.hold_in_reset(True)
        time.sleep(PULSE_S)
        self._board.hold_in_reset(False)

    def resets(self):
        """How many the chip has made, by what its ROM says."""
        return sum(1 for e in self._history.events if e["src"] == self._source and e["ev"] == "reset")
