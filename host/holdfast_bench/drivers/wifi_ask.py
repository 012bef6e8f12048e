"""The driver `ask`: whoever sits in front of the terminal switches the access point. Needs no equipment at all."""

import sys

from ..errors import Cannot


class AskWifi:
    """Asks, and believes the board's own `link` events as the sign that it was done."""

    def __init__(self, board, history, say=print):
        self._board, self._history, self._say = board, history, say
        if not sys.stdin.isatty():
            raise Cannot("nobody can be asked to switch the access point (no terminal): give the board file a [wifi] driver \"command\"")

    def away(self):
        self._say("▶ Switch the access point OFF now (%s)" % self._board)

    def back(self):
        self._say("▶ Switch the access point ON again (%s)" % self._board)

    def is_away(self):
        """The board's last word about its link was that it is down."""
        for e in reversed(self._history.events):
            if e["src"] == "board/" + self._board and e["ev"] == "link":
                return not e["up"]
        return False
