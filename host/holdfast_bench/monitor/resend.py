"""When to ask which node for which missing numbers (R20). Pure: the time is handed in, what is due is handed out.

A gap is first left alone for a moment, since messages overtake each other; then it is asked for, each time after twice the pause. It is asked for only
while the node is awake, and when the node comes back its gaps are due soon, whatever the pause was.
"""

import heapq

from .ledger import ASKED, UNANSWERED, WAITING

GRACE_MS = 2_000
PAUSE_MS = 5_000
PAUSE_MAX_MS = 600_000
TRIES = 10          # then the gap rests until the node comes back
RANGES_MAX = 8      # of one request (docs/protocol.md)


class Resend:
    """`ledger` is asked for the gaps of a node that came back."""

    def __init__(self, ledger, grace_ms=GRACE_MS, pause_ms=PAUSE_MS):
        self._ledger, self._grace_ms, self._pause_ms = ledger, grace_ms, pause_ms
        self._queue = []    # (due, order, gap); stale where the gap has another next_ms
        self._order = 0
        self.requests = 0

    def opened(self, gap, now_ms):
        self._plan(gap, now_ms + self._grace_ms)

    def back(self, device, now_ms):
        """The node is awake again: what is missing of it is due after the grace."""
        for stream in self._ledger.streams(device).values():
            for gap in stream.gaps.values():
                if gap.state == UNANSWERED:
                    gap.state, gap.asked = ASKED, 0
                if gap.next_ms is None or gap.next_ms > now_ms + self._grace_ms:
                    self._plan(gap, now_ms + self._grace_ms)

    def hurry(self, device, now_ms):
        """Somebody wants everything missing of this node asked for now. Returns how many numbers that is."""
        n = 0
        for stream in self._ledger.streams(device).values():
            for gap in stream.gaps.values():
                n += gap.missing.count
                gap.asked = 0
                self._plan(gap, now_ms)
        return n

    def due(self, now_ms, awake, limit):
        """Requests to send now, at most `limit`: a list of (device, epoch, [(first, last), …]). awake(device): whether to ask it at all."""
        found = {}
        queue = self._queue
        while queue and queue[0][0] <= now_ms and len(found) < limit:
            at, _, gap = heapq.heappop(queue)
            if gap.closed_ms is not None or gap.next_ms != at:
                continue
            if not awake(gap.device):
                gap.next_ms = None      # back() plans it again
                continue
            ranges = found.setdefault((gap.device, gap.epoch), [])
            room = RANGES_MAX - len(ranges)
            if room <= 0:
                self._plan(gap, now_ms + self._grace_ms)
                continue
            ranges += list(gap.missing)[:room]
            self._asked(gap, now_ms)
        self.requests += len(found)
        return [(device, epoch, ranges) for (device, epoch), ranges in found.items()]

    def _asked(self, gap, now_ms):
        gap.asked += 1
        gap.state = ASKED
        if gap.asked >= TRIES:
            gap.state, gap.next_ms = UNANSWERED, None
        else:
            self._plan(gap, now_ms + min(self._pause_ms << (gap.asked - 1), PAUSE_MAX_MS))
        self._ledger.gaps_changed[gap.device, gap.epoch, gap.first] = gap

    def _plan(self, gap, at_ms):
        gap.next_ms = at_ms
        if gap.state == UNANSWERED:
            gap.state = WAITING
        self._order += 1
        heapq.heappush(self._queue, (at_ms, self._order, gap))
