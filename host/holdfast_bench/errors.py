"""The bench's own errors. Each text is one line for a person: what could not be done, and the remedy.

The command line prints them and ends with status 2; nothing else in the bench prints errors or decides by their text.
"""


class BenchError(Exception):
    """Something the user gave, or the machine has, stands in the way: "could not run", never a verdict."""


class Cannot(BenchError):
    """A board, driver or machine lacks an ability that was asked for. Polite: says what would have it."""


class TimedOut(BenchError):
    """A bounded wait ended. Says what was waited for, how long, and what was last seen."""

    def __init__(self, waited_for, limit_ms, last_seen=None):
        self.waited_for, self.limit_ms, self.last_seen = waited_for, limit_ms, last_seen
        super().__init__("waited %.1f s for %s; last seen: %s" % (limit_ms / 1000, waited_for, last_seen or "nothing"))
