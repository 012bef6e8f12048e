"""The driver `device`, the last resort: the firmware is asked to do without its radio. Nothing of the access point is tried by that.

The firmware knows of it, and its radio is off rather than in vain: it shows retrying and keeping, not noticing.
"""


class DeviceRadio:
    def __init__(self, board):
        self._board = board

    def off(self):
        self._board.command({"cmd": "radio", "on": False})

    def on(self):
        self._board.command({"cmd": "radio", "on": True})

    def state(self):
        return None, ""
