"""The serial device of a simulated node: its bytes on UART 1 at the line's speed, held back by the node's RTS where that is wired.

May use: world.serial_device, the rig. `ready(False)`: it takes nothing, and its RTS, the node's CTS, says so.
"""

from ...world.serial_device import UART, Device


class SerialDevice:
    def __init__(self, rig, settings):
        self._rig, self._kernel, self._chip = rig, rig.kernel, rig.chip
        self._device = Device(settings, "%08x" % rig.rng("serial").bits())
        self._baud, self._credit = 0, None
        self._waiting = b""         # of the packet that is being said
        self._busy = False          # bytes are on the line
        self._stopped = False
        rig.chip.uart_opened, rig.chip.uart_taken = self._opened, self._taken
        rig.chip.uart_lines[UART] = self._heard
        for at, name in enumerate(("hold_s", "release_s")):
            if name in settings:
                rig.kernel.after(settings[name] * 1000, self.ready, bool(at))
        rig.kernel.after(self._device.period_ms, self._tick)

    def _say(self, ev, *pairs):
        self._rig.history.add("line/" + self._rig.board, ev, *pairs)

    def ready(self, on):
        self._say("ready", "on", on)
        self._chip.line_ready(UART, on)

    # -- the chip's UART -----------------------------------------------------------------------------------------------

    def _opened(self, number, baud, room):
        if number == UART:
            self._baud, self._credit = baud, room
            self._waiting = b""
            if baud:
                self._say("open", "speed", baud, "rts", room is not None)

    def _taken(self, number, n):
        if number == UART and self._credit is not None:
            self._credit += n
            if self._stopped:
                self._stopped = False
                self._say("goes_on")
            self._go_on(None)

    def _heard(self, data):
        for text in self._device.hears(data):
            self._say("heard", "text", text)

    # -- what it says --------------------------------------------------------------------------------------------------

    def _tick(self, _):
        self._kernel.after(self._device.period_ms, self._tick)
        if self._baud and not self._waiting:    # one that cannot get rid of a packet makes no other
            self._waiting = self._device.packet()
            self._go_on(None)

    def _go_on(self, _):
        """The next bytes onto the line."""
        if self._busy or not self._waiting:
            return
        n = len(self._waiting) if self._credit is None else min(len(self._waiting), self._credit)
        if n == 0:
            if not self._stopped:
                self._stopped = True
                self._say("stopped")
            return
        if self._credit is not None:
            self._credit -= n
        self._busy = True
        self._kernel.after(max(1, n * 10000 // self._baud), self._arrived, n)

    def _arrived(self, n):
        self._busy = False
        if not self._waiting:
            return              # the chip was reset meanwhile
        data, self._waiting = self._waiting[:n], self._waiting[n:]
        self._chip.line_in(UART, data)
        if not self._waiting:
            self._say("accept", "life", self._device.life, "n", self._device.n)
            self._rig.tally.handed_over(self._device.life, self._device.n)
        self._go_on(None)
