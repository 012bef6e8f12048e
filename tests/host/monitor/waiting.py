"""Waiting for what happens in another thread or process, bounded."""

import threading
import time


def until(what, limit_s=60, every_s=0.05):
    """Waits until what() is true and returns it; fails by saying what was last seen."""
    deadline = time.monotonic() + limit_s
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, "waited %g s for %s; last seen: %r" % (limit_s, getattr(what, "__name__", "it"), found)
        time.sleep(every_s)


class Lateness:
    """How late this machine was with waking up a sleeper, meanwhile: what a limit in real time has to allow for beside its own.

    with Lateness() as late: ...; late.s is the sum of all delays of a sleep of 20 ms, in seconds.
    """

    def __enter__(self):
        self.s, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()
        return self

    def _measure(self):
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(0.02)
            self.s += max(0.0, time.monotonic() - began - 0.03)

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()
