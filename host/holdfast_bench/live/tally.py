"""What the live view shows, worked out event by event from the history. Pure; the ledger, not this, is the judge."""

from ..checks.ledger import numbered
from ..words import in_words

LAST_EVENTS = 8
DROPS_MS = 5000
# Worth a line when there is no terminal, and in the list of last events.
TELLING = ("state", "boot", "bite", "reset", "fault", "effect", "end", "expect", "drained", "stopped", "drop", "starve", "err", "port_lost", "port_back", "step", "alarm")


class BoardTally:
    def __init__(self):
        self.state, self.why, self.since = "–", "", 0
        self.accepted = self.sent = self.acknowledged = self.arrived = self.dropped = self.resets = self.bites = 0
        self.dropped_untold, self.dropped_told_at = 0, None

    @property
    def waiting(self):
        """Handed over, not acknowledged and not given up."""
        return max(0, self.accepted - max(self.acknowledged, self.arrived) - self.dropped)


class Tally:
    def __init__(self, plan):
        self.boards = {name: BoardTally() for name in plan["boards"]}
        self.expectations = sum(a["do"] == "expect" for a in plan["actions"])
        self.faults = {}  # id → (name, since), under way
        self.expected = {True: 0, False: 0}  # met, missed
        self.phase = "starting"
        self.last = []
        self.now = 0
        self._seen, self._lives = set(), {}
        self._momentary = [a["id"] for a in plan["actions"] if a.get("momentary")]

    def take(self, e):
        """Counts one event. Returns the line to tell people, or None when it is one of many."""
        kind, _, name = e["src"].partition("/")
        self.now = e["t"]
        board = self.boards.get(name)
        handler = getattr(self, "_%s_%s" % (kind, e["ev"]), None)
        if handler and (board or kind in ("bench", "broker")):
            handler(board, e)
        if e["ev"] not in TELLING:
            return None
        if e["ev"] == "drop":
            e = self._drops(board, e)
            if e is None:
                return None
        line = (e["t"], name if len(self.boards) > 1 and name else kind, in_words(e))
        self.last = [*self.last, line][-LAST_EVENTS:]
        return line

    def _drops(self, board, e):
        """Drops come in rows: one line tells of all of DROPS_MS. The event to tell, with their number, or None."""
        board.dropped_untold += e["n"]
        if board.dropped_told_at is not None and e["t"] < board.dropped_told_at + DROPS_MS:
            return None
        told = {**e, "n": board.dropped_untold}
        board.dropped_untold, board.dropped_told_at = 0, e["t"]
        return told

    def _board_state(self, board, e):
        board.state, board.why, board.since = e["new"], e.get("why", ""), e["t"]

    def _board_boot(self, board, e):
        board.state, board.why, board.since = "down", "started", e["t"]
        if e.get("life"):
            self._lives[e["life"]] = board

    def _board_accept(self, board, e):
        board.accepted += 1
        self._lives[e["life"]] = board

    def _board_sent(self, board, e):
        board.sent += not e.get("dup")

    def _board_ack(self, board, e):
        board.acknowledged += 1

    def _board_drop(self, board, e):
        board.dropped += e["n"]

    def _chip_reset(self, board, e):
        board.resets += 1
        board.state, board.why, board.since = "reset", e.get("cause", ""), e["t"]

    def _chip_bite(self, board, e):
        board.bites += 1

    def _broker_recv(self, _, e):
        found = numbered(e)
        if found and found not in self._seen:
            self._seen.add(found)
            board = self._lives.get(found[0]) or self.boards.get(e.get("board"))
            if board:
                board.arrived += 1

    def _bench_start(self, _, e):
        self.phase = "waiting for the first message"

    def _bench_step(self, _, e):
        self.phase = e["what"]

    def _bench_fault(self, _, e):
        if e["id"] not in self._momentary:
            self.faults[e["id"]] = (e["fault"], e["t"])

    def _bench_end(self, _, e):
        self.faults.pop(e["of"], None)

    def _bench_expect(self, _, e):
        self.expected[e["ok"]] += 1
        if e.get("id") == "ready":
            self.phase = "trouble"

    def _bench_cut(self, _, e):
        self.phase, self.faults = "healed; draining", {}

    def _bench_drained(self, _, e):
        self.phase = "done"
