"""The RTC clock: seconds since 2000-01-01, runs through every reset but power and EN, drifts.

May use: nothing. Time comes from the kernel.
"""


class Clock:
    """Set by software, driven by the kernel; `drift_ppm` makes it fast (+) or slow (-)."""

    def __init__(self, kernel, drift_ppm=0):
        self.kernel = kernel
        self.drift_ppm = drift_ppm
        self.set(0, 0)

    def set(self, seconds, us):
        self._s, self._us = seconds, us
        self._at_ms, self._at_us = self.kernel.now_ms, self.kernel.us

    def now(self):
        """(seconds since 2000, microseconds)."""
        kernel = self.kernel
        ms = kernel.now_ms - self._at_ms
        us = self._us + kernel.us - self._at_us
        if self.drift_ppm:
            # In two steps, so that days in ms stay small ints on a 32-bit interpreter.
            ms += ms // 1000 * self.drift_ppm // 1000
        us += ms % 1000 * 1000
        return self._s + ms // 1000 + us // 1000000, us % 1000000

    def lose(self):
        """Power was off: it starts at 2000-01-01."""
        self.set(0, 0)
