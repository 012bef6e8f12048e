"""The driver `ask`: whoever sits in front of the terminal switches the access point. Needs no equipment at all."""

import sys
import time

from ..errors import Cannot, TimedOut

ASK_LIMIT_S = 180


class AskWifi:
    """Asks, and takes the board's own `link` events as the sign that it was done."""

    def __init__(self, board, history, say=print):
        self._board, self._history, self._say = board, history, say

    def away(self):
        """Returns when the board has lost its link. Raises TimedOut."""
        self._ask("OFF")
        deadline = time.monotonic() + ASK_LIMIT_S
        while not self.is_away():
            if time.monotonic() > deadline:
                raise TimedOut("%s to lose its access point" % self._board, ASK_LIMIT_S * 1000)
            self._history.wait_beyond(len(self._history.events), 1)

    def back(self):
        self._ask("ON again")

    def is_away(self):
        """The board's last word about its link was that it is down."""
        for e in reversed(self._history.events):
            if e["src"] == "board/" + self._board and e["ev"] == "link":
                return not e["up"]
        return False

    def _ask(self, what):
        if not sys.stdin.isatty():
            raise Cannot("nobody can be asked to switch the access point (no terminal): give the board file a [wifi] driver \"command\"")
        self._history.add("bench", "step", what="please switch the access point %s" % what)
        self._say("▶ Please switch the access point %s" % what)
