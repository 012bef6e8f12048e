"""DTR and RTS of a serial adapter on EN and IO0, by the two crossed transistors of Espressif's boards.

Both lines alike: nothing. RTS alone: EN low, the chip is held in reset. DTR alone: IO0 low. EN rises slowly – a capacitor –, and IO0 is
looked at when it is up: low means the loader. Runs in the loop's thread. Knows no port and no board.
"""

# Longer than the round trips between two lines set one after the other over a network, shorter than esptool's wait before it lets IO0 go.
EN_RISES_S = 0.12


class Lines:
    """on_held() is called when EN falls, on_released(download) when the chip starts again."""

    def __init__(self, loop, on_held, on_released):
        self._loop, self._on_held, self._on_released = loop, on_held, on_released
        self.dtr = self.rts = False
        self._en = True
        self._rising = None

    def set(self, dtr=None, rts=None):
        self.dtr = self.dtr if dtr is None else bool(dtr)
        self.rts = self.rts if rts is None else bool(rts)
        en = self.dtr or not self.rts
        if self._en and not en:
            if self._rising:
                self._rising.cancel()
                self._rising = None
            self._on_held()
        elif en and not self._en:
            self._rising = self._loop.call_later(EN_RISES_S, self._up)
        self._en = en

    def _up(self):
        self._rising = None
        self._on_released(self.dtr and not self.rts)

    def let_go(self):
        """The adapter is unplugged: whatever it held is released."""
        self.set(False, False)
