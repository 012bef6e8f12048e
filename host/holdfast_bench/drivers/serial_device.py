"""The serial device of a twin: a thread at the pseudo-terminal of its UART 1. May use: world.serial_device, pyserial."""

import contextlib
import threading

import serial

from ..world.serial_device import UART, Device

LOOK_S = 0.05


class SerialDevice:
    """say(ev, **fields) goes into the history. Talks whenever the board listens, until close()."""

    def __init__(self, board, settings, life, say):
        self._board, self._say, self._device = board, say, Device(settings, life)
        self._port = serial.Serial(board.uart_port(UART), 115200, timeout=LOOK_S, write_timeout=1)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=what, name="serial device", daemon=True) for what in (self._talk, self._listen)]
        for thread in self._threads:
            thread.start()

    def close(self):
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self._port.close()

    def _talk(self):
        while not self._ended.wait(self._device.period_ms / 1000):
            if self._board.uart_listens(UART):
                with contextlib.suppress(serial.SerialException):
                    self._port.write(self._device.packet())
                    self._say("accept", life=self._device.life, n=self._device.n)

    def _listen(self):
        while not self._ended.is_set():
            with contextlib.suppress(serial.SerialException):
                for text in self._device.hears(self._port.read(256)):
                    self._say("heard", text=text)
