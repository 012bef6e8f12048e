"""The driver `rts`: holds EN low through the USB bridge. To the chip that is power-on: RTC memory is gone."""


class RtsPower:
    def __init__(self, board):
        self._board = board

    def off(self):
        self._board.hold_in_reset(True)

    def on(self):
        self._board.hold_in_reset(False)

    def state(self):
        return None, ""
