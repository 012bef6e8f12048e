"""The ledger: which numbers of which node have been seen, which are missing, and what became of the missing ones (R20, R28).

Pure: what arrived and the time are handed in. A stream is one boot epoch of a node. The epoch in which a node was first met begins at the
lowest number seen of it, as do earlier ones, because nobody knows what was before the monitor's time; every later epoch begins at 1. The state
depends on the set of what was seen, not on its order. What is new the database decides, not this.
"""

from .ranges import Ranges

# States of a gap. Open: not yet asked for; asked for; asked for in vain so often that it rests until the node comes back.
WAITING, ASKED, UNANSWERED = "waiting", "asked", "unanswered"
# Closed: all came; none came and the node no longer has them; some came; nobody looks for it any more.
FILLED, GONE, PARTLY, FORGOTTEN = "filled", "gone", "partly", "forgotten"

GAPS_MAX = 256     # open gaps of a stream; beyond that the oldest is forgotten: no longer asked for, but stored when it comes
STREAMS_MAX = 8    # of a node; of older epochs messages are stored, but not watched for gaps


class Gap:
    """Numbers first…last that were passed over. Keeps its identity until the last of them has come or is known to be gone."""

    __slots__ = ("device", "epoch", "first", "last", "missing", "recovered", "gone", "asked", "next_ms", "opened_ms", "closed_ms", "state")

    def __init__(self, device, epoch, first, last, now_ms):
        self.device, self.epoch, self.first, self.last = device, epoch, first, last
        self.missing = Ranges([(first, last)])
        self.recovered = self.gone = self.asked = 0
        self.next_ms = None     # when to ask (again); None: resend.py has not planned it yet
        self.opened_ms, self.closed_ms, self.state = now_ms, None, WAITING

    def end(self, now_ms, state=None):
        self.closed_ms = now_ms
        self.state = state or (FILLED if not self.gone else GONE if not self.recovered else PARTLY)


class Stream:
    """One boot epoch of one node."""

    __slots__ = ("device", "epoch", "base", "top", "received", "duplicates", "purged", "gaps")

    def __init__(self, device, epoch, base):
        self.device, self.epoch = device, epoch
        self.base, self.top = base, base - 1    # everything from base to top was seen, but for the gaps
        self.received = 0       # different messages
        self.duplicates = 0     # arrivals beyond the first of a message
        self.purged = 0         # numbers up to here were deleted by retention: nothing up to here is taken any more
        self.gaps = {}          # open ones: first -> Gap

    @property
    def missing(self):
        return sum(gap.missing.count for gap in self.gaps.values())

    def gap_of(self, seq):
        for gap in self.gaps.values():
            if gap.first <= seq <= gap.last:
                return gap if seq in gap.missing else None
        return None


class Ledger:
    """All streams of all nodes, as far as they are alive. `changed` and `closed` collect what must be written down; the owner empties them."""

    def __init__(self):
        self._streams = {}      # device -> {epoch: Stream}
        self._since = {}        # device -> epoch in which it was first met
        self._floor = {}        # device -> highest epoch that is no longer watched
        self.changed = {}       # (device, epoch) -> Stream
        self.gaps_changed = {}  # (device, epoch, first) -> Gap, closed ones too
        self.missing = self.recovered = self.lost = 0   # numbers, over all; lost: known to be gone
        self.opened = 0         # gaps

    def streams(self, device):
        """By epoch."""
        return self._streams.get(device, {})

    def since(self, device):
        return self._since.get(device)

    def open_gaps(self):
        for streams in self._streams.values():
            for stream in streams.values():
                yield from stream.gaps.values()

    def restore(self, stream):
        """Takes over what was written down before; a node's highest epochs first."""
        streams = self._streams.setdefault(stream.device, {})
        if len(streams) >= STREAMS_MAX:     # handed over by descending epochs
            self._floor[stream.device] = max(stream.epoch, self._floor.get(stream.device, -1))
            return
        streams[stream.epoch] = stream
        self.missing += stream.missing

    def restore_since(self, device, epoch):
        self._since[device] = epoch

    def note(self, device, epoch, seq, now_ms):
        """Number seq of that epoch has been stored; once for each. Returns the Gap that opened by it, or None."""
        streams = self._streams.get(device)
        if streams is None:
            streams = self._streams[device] = {}
        stream = streams.get(epoch)
        if stream is None:
            stream = self._begin(device, streams, epoch, seq)
            if stream is None:
                return None
        self.changed[device, epoch] = stream
        stream.received += 1
        top = stream.top
        if seq == top + 1:      # nearly always
            stream.top = seq
            return None
        if seq > top:
            stream.top = seq
            return self._open(stream, top + 1, seq - 1, now_ms)
        if seq < stream.base:
            base, stream.base = stream.base, seq
            return self._open(stream, seq + 1, base - 1, now_ms) if seq + 1 < base else None
        if stream.gaps:
            gap = stream.gap_of(seq)
            if gap:
                gap.missing.remove(seq, seq)
                gap.recovered += 1
                self.missing -= 1
                self.recovered += 1
                self._touched(stream, gap, now_ms)
        return None

    def duplicate(self, device, epoch):
        """An arrival of what is in the database already."""
        stream = self._streams.get(device, {}).get(epoch)
        if stream:
            stream.duplicates += 1

    def unseen(self, device, epoch, seq):
        """Whether this number was never noted."""
        stream = self._streams.get(device, {}).get(epoch)
        return stream is None or seq > stream.top or seq < stream.base or stream.gap_of(seq) is not None

    def too_late(self, device, epoch, seq):
        """Whether retention has passed this number by."""
        stream = self._streams.get(device, {}).get(epoch)
        return stream is not None and seq <= stream.purged

    def gone(self, device, epoch, first, last, now_ms):
        """The node says that it no longer has these. Returns how many of them were missing."""
        stream = self._streams.get(device, {}).get(epoch)
        found = 0
        for gap in list(stream.gaps.values()) if stream else ():
            n = gap.missing.remove(first, last)
            if n:
                found += n
                gap.gone += n
                self.missing -= n
                self.lost += n
                self._touched(stream, gap, now_ms)
        return found

    def purge(self, device, epoch, upto, now_ms):
        """Retention has deleted everything of this epoch up to that number."""
        stream = self._streams.get(device, {}).get(epoch)
        if stream is None or upto <= stream.purged:
            return
        stream.purged = upto
        self.changed[device, epoch] = stream
        for gap in list(stream.gaps.values()):
            if gap.last <= upto:
                self.give_up(gap, FORGOTTEN, now_ms)

    def give_up(self, gap, state, now_ms):
        """Ends a gap without having filled it."""
        stream = self._streams.get(gap.device, {}).get(gap.epoch)
        if stream and stream.gaps.pop(gap.first, None):
            self.missing -= gap.missing.count
            gap.end(now_ms, state)
            self.gaps_changed[gap.device, gap.epoch, gap.first] = gap

    def forget(self, device):
        """The node is no longer watched; what is in the database stays."""
        for stream in self._streams.pop(device, {}).values():
            self.missing -= stream.missing
        self._since.pop(device, None)
        self._floor.pop(device, None)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _begin(self, device, streams, epoch, seq):
        if epoch <= self._floor.get(device, -1):
            return None
        since = self._since.setdefault(device, epoch)
        stream = streams[epoch] = Stream(device, epoch, 1 if epoch > since else seq)
        if len(streams) > STREAMS_MAX:
            lowest = min(streams)
            for gap in list(streams[lowest].gaps.values()):
                self.give_up(gap, FORGOTTEN, gap.opened_ms)
            del streams[lowest]
            self._floor[device] = lowest
        return streams.get(epoch)

    def _open(self, stream, first, last, now_ms):
        gap = stream.gaps[first] = Gap(stream.device, stream.epoch, first, last, now_ms)
        self.opened += 1
        self.missing += last - first + 1
        self.gaps_changed[stream.device, stream.epoch, first] = gap
        if len(stream.gaps) > GAPS_MAX:
            self.give_up(min(stream.gaps.values(), key=lambda g: (g.opened_ms, g.first)), FORGOTTEN, now_ms)
        return gap

    def _touched(self, stream, gap, now_ms):
        self.gaps_changed[gap.device, gap.epoch, gap.first] = gap
        if not len(gap.missing):
            gap.end(now_ms)
            del stream.gaps[gap.first]
