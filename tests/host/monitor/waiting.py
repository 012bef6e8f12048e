"""Waiting for what happens in another thread or process, bounded."""

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
