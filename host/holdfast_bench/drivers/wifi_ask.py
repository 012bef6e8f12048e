"""The driver `ask`: whoever sits in front of the terminal switches the access point. Needs no equipment at all."""

import sys

from ..errors import Cannot


class AskWifi:
    """A switch that is a person; whether it was done, the board's link tells."""

    patience_s = 180

    def __init__(self, history, say=print):
        self._history, self._say = history, say

    def off(self):
        self._ask("OFF")

    def on(self):
        self._ask("ON again")

    def state(self):
        return None, ""

    def _ask(self, what):
        if not sys.stdin.isatty():
            raise Cannot("nobody can be asked to switch the access point (no terminal): give the board file another [wifi] driver")
        self._history.add("bench", "step", what="please switch the access point %s" % what)
        self._say("▶ Please switch the access point %s" % what)
