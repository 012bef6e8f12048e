"""The driver `rts`: holds EN low through the USB bridge. To the chip that is power-on: RTC memory is gone."""


class RtsPower:
    def __init__(self, board):
        self._board, self._off = board, False

    def off(self):
        self._board.hold_in_reset(True)
        self._off = True

    def on(self):
        self._board.hold_in_reset(False)
        self._off = False

    def is_off(self):
        return self._off
