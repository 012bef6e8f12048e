"""The history of a run: a list of events, in order, and nothing else. Boards, drivers and the executor add to it,
checkers read it, the live view and the executor wait on it.

An event is {"t": ms since the run began, "src": who saw it, "ev": name, ...}. May use: the standard library only.
Adding is safe from any thread.
"""

import json
import threading
import time
from pathlib import Path

from .errors import BenchError

# A run of ten minutes makes some ten thousand events; this is a bound against a board gone mad, not a working size.
EVENTS_MAX = 1_000_000


class History:
    """Events of one run. `clock` returns seconds and never goes back (time.monotonic; a test hands in its own)."""

    def __init__(self, clock=time.monotonic):
        self.events = []
        self.discarded = 0
        self.watching = False  # somebody waits for an event, not only for a time: of interest where waiting makes time pass
        self._clock = clock
        self._began = clock()
        self._changed = threading.Condition()

    def begin(self):
        """The run begins now: what set-up left behind is forgotten, and time counts from here."""
        with self._changed:
            self.events.clear()
            self._began = self._clock()

    def now_ms(self):
        return int((self._clock() - self._began) * 1000)

    def add(self, src, ev, **fields):
        """Adds an event that happened now and returns it. Beyond EVENTS_MAX events are counted, not kept."""
        with self._changed:
            event = {"t": self.now_ms(), "src": src, "ev": ev, **fields}
            if len(self.events) < EVENTS_MAX:
                self.events.append(event)
            else:
                self.discarded += 1
            self._changed.notify_all()
        return event

    def wait_beyond(self, count, timeout_s):
        """Blocks until there are more than `count` events or `timeout_s` has passed; returns how many there are."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.events) > count, max(0.0, timeout_s))
            return len(self.events)

    def find(self, matches, start=0):
        """The first event from index `start` on for which `matches(event)` holds, or None."""
        for index in range(start, len(self.events)):
            if matches(self.events[index]):
                return self.events[index]
        return None


def save(events, path):
    """Writes events as JSON lines."""
    Path(path).write_text("".join(json.dumps(e, ensure_ascii=False, separators=(",", ":")) + "\n" for e in events))


def load(path):
    """Reads what `save` wrote. Raises BenchError naming the line that is no event."""
    events = []
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        try:
            event = json.loads(line)
            event["t"], event["src"], event["ev"]
        except (ValueError, KeyError, TypeError):
            raise BenchError("%s:%d is not an event of a history" % (path, number)) from None
        events.append(event)
    return events
