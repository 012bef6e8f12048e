"""The guard of a run: raises the alarm for boards that the broker side does not hear any more, as the monitor does (R40, R45).

The decision is the monitor's own (monitor/presence.py); here it gets the run's history and its pings go out through the rig. Its
alarms are events of the bench: `alarm` with `board`, `on` and `why`.
"""

from ..errors import BenchError
from ..monitor.presence import SCAN_MS, Presence
from ..world.timeline import board_of

PING = b'{"type":"ping","timestamp":%d}'


class Guard:
    """`settings`: alarm_ms, steady_ms. `send(board, topic below its prefix, payload)` and `note` (the stage's) are its hands."""

    def __init__(self, settings, boards, note, send):
        self._presence = Presence(self._changed, self._ring, settings["alarm_ms"], settings["steady_ms"])
        self._boards, self._note, self._send = boards, note, send
        self._scanned_ms = None

    def feed(self, event):
        """The next event of the history."""
        if event["src"] == "broker" and event["ev"] == "witness":
            self._presence.link(event["up"], event["t"])
        if event["src"] != "broker" or event["ev"] != "recv" or event.get("retain") and not event["topic"].endswith("/status"):
            return
        board = board_of(event)
        if board not in self._boards:
            return
        now_ms = event["t"]
        if self._scanned_ms is None:
            self._presence.link(True, now_ms)  # whoever hears something has a connection
            self._scanned_ms = now_ms
        self._presence.watch(board, now_ms).answers = True  # every node does, by the protocol
        last = event["topic"].rpartition("/")[2]
        if last == "status":
            self._presence.status(board, event.get("payload", ""), now_ms, kept=False)
        else:
            self._presence.heard(board, now_ms)

    def scan(self, now_ms):
        """To be called at least every SCAN_MS."""
        if self._scanned_ms is None or now_ms - self._scanned_ms < SCAN_MS:
            return
        self._scanned_ms = now_ms
        for board in self._presence.scan(now_ms, len(self._boards)):
            try:
                self._send(board, "cmd/ping", PING % now_ms)
            except BenchError:
                pass  # no broker to send it through: that is what it is there to notice

    def _changed(self, watch, old, why):
        """States are no alarms yet."""

    def _ring(self, watch, kind, why):
        self._note("alarm", board=watch.device, on=kind is not None, kind=kind, why=why)
