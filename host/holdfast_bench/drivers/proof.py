"""Was what a driver switched really switched? The switch is asked, and so is the board: over the air, by its silence, by its reset cause.

A switch has off(), on() and state() -> (is it off: True, False, None when it cannot tell; words for it). May use: history, boards.
"""

import contextlib
import time

from ..errors import BenchError, TimedOut

BACK_S = 30         # within which a switch has to say that the thing is on again
START_S = 30        # within which a board with power again has to be heard of
SILENT_MS = 1500    # a board that says nothing for so long may be off
ASK_S = 3           # this long for a start to be heard of; then the board is asked
POWER_ON = 1        # machine.PWRON_RESET


class WifiProof:
    """away(), back(), evidence() of a board's access point by a switch."""

    shows_within_ms = 30_000    # a chip takes ten seconds and more to notice

    def __init__(self, name, history, switch):
        self._name, self._history, self._switch = name, history, switch
        self._since = 0

    def away(self):
        """A switch that is a person is waited for. Raises TimedOut."""
        self._since = len(self._history.events)
        self._switch.off()
        patience_s = getattr(self._switch, "patience_s", 0)
        end = time.monotonic() + patience_s
        while patience_s and not self.evidence():
            if time.monotonic() > end:
                raise TimedOut("%s to lose its access point" % self._name, patience_s * 1000)
            self._history.wait_beyond(len(self._history.events), 1)

    def back(self):
        """Raises BenchError when the switch says that it is still off."""
        self._switch.on()
        _until_on(self._switch, "the access point of %s" % self._name)

    def evidence(self):
        """By the switch where that can tell; otherwise the board has to have lost its link."""
        off, words = self._switch.state()
        lost = self._lost()
        if off is None:
            return "%s has lost its link" % self._name if lost else None
        return "%s%s" % (words, "; %s has lost its link" % self._name if lost else "") if off else None

    def _lost(self):
        events = [e for e in self._history.events[self._since:] if e["src"] == "board/" + self._name and e["ev"] == "link"]
        return bool(events) and not events[-1]["up"]


class PowerProof:
    """off(), on(), evidence() of a board's supply by a switch; on() returns when the board has said that it started from power-on."""

    def __init__(self, name, history, switch, board):
        self._name, self._history, self._switch, self._board = name, history, switch, board
        self._was_off = False

    def off(self):
        self._board.away_on_purpose = True      # its port may go with its power
        self._switch.off()
        self._was_off = True

    def evidence(self):
        off, words = self._switch.state()
        if off is False:
            return None
        heard = [e["t"] for e in self._history.events if e["src"] == "board/" + self._name]
        silent = self._history.now_ms() - (heard[-1] if heard else 0) >= SILENT_MS
        return "%s; %s is silent" % (words, self._name) if off and silent else "%s is silent" % self._name if silent else None

    def on(self):
        """Raises BenchError when the board did not start from power-on: then its power never went."""
        start = len(self._history.events)
        self._board.away_on_purpose = False
        if not self._was_off:       # it could not be switched off: said then
            with contextlib.suppress(BenchError):
                self._switch.on()
            return
        self._was_off = False
        self._switch.on()
        _until_on(self._switch, "the supply of %s" % self._name)
        cause = self._cause_of_start(start)
        if cause != POWER_ON:
            raise BenchError("%s started with reset cause %s, not from power-on: its power had not really gone (does the hub switch it, is there another supply?)" % (
                self._name, cause))

    def _cause_of_start(self, start):
        began = time.monotonic()
        while time.monotonic() < began + START_S:
            for e in self._history.events[start:]:
                if e["src"] == "chip/" + self._name and e["ev"] == "reset" and e.get("cause") == "power":
                    return POWER_ON
                if e["src"] == "board/" + self._name and e["ev"] == "boot":
                    return e["cause"]
            if time.monotonic() > began + ASK_S:        # what it said may have been lost while its port came back
                with contextlib.suppress(BenchError):
                    return self._board.command({"cmd": "status"}, 2000)["cause"]
            self._history.wait_beyond(len(self._history.events), 0.5)
        raise TimedOut("a sign of %s after its power came back" % self._name, START_S * 1000)


def _until_on(switch, what):
    end = time.monotonic() + BACK_S
    while True:
        off, words = switch.state()
        if not off:
            return
        if time.monotonic() > end:
            raise BenchError("%s was switched on, but is still off after %d s: %s" % (what, BACK_S, words))
        time.sleep(0.5)
