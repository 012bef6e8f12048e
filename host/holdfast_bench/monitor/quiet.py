"""The owner of a link that only listens: it acknowledges what it has taken in, and is in no hurry. The witness and whoever waits for answers are such.

May use: link (which calls up, down, received, turn, patience, hungry and may_end in its own thread).
"""

import threading
import time

from ..errors import TimedOut

CONNECT_LIMIT_S = 15
LOOK_S = 0.05
PATIENCE_S = 0.2


class Quiet:
    """`link` is set by whoever inherits; took() is called by its received()."""

    link = None

    def __init__(self):
        self.stands = threading.Event()     # the broker has accepted the subscription
        self._mids = []

    def connect(self, at, fatal=lambda why: True):
        """Returns when the subscription stands; otherwise ends the link and returns why there is none. fatal(why): is there no use in trying on? Raises TimedOut."""
        self.link.start()
        deadline = time.monotonic() + CONNECT_LIMIT_S
        while not self.stands.wait(LOOK_S):
            why = self.link.why_down if self.link.failures else None
            if why and fatal(why):
                self.stop()
                return why
            if time.monotonic() > deadline:
                self.stop()
                raise TimedOut("the broker at %s:%d to accept a subscription" % at, CONNECT_LIMIT_S * 1000)
        return None

    def stop(self):
        self.link.stop()

    def took(self, qos, mid):
        """A message is where it belongs."""
        if qos:
            self._mids.append(mid)

    # -- what the link calls -------------------------------------------------------------------------------------------

    def up(self, kept):
        self.stands.set()

    def down(self, why):
        self._mids = []

    def turn(self, now):
        if self._mids and self.link.open:
            self.link.ack(self._mids)
            self._mids = []

    def patience(self):
        return PATIENCE_S

    def hungry(self):
        return True

    def may_end(self):
        return True
