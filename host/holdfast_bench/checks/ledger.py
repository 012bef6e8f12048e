"""The ledger: what was accepted, what reached the broker side, what was reported dropped, message by message.

A fold over the history. Messages are named "<life>:<n>" by the application itself, so nothing here rests on what the
firmware believes: a number missing between two others of a life was handed over too, announced or not.
"""

import base64
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache

from ..envelope import open_envelope

_NUMBERED = re.compile(r"([0-9a-f]{1,8}):(\d+)(?: |$)")

# Reset causes after which RTC memory is gone. Everything else keeps it (field guide of facts, section 1).
LOSES_RTC = ("power", "en", "brownout")

DROPS_MODULO = 1 << 16  # the sum in a boot event

# A full flash gives up its oldest piece as a whole, and one that could not be sent for long what has become too old. The power that goes at that
# very moment takes the reports with it that wait for the console, and the count of what was to be reported, which is in RTC memory: of so many messages at most.
PIECE_MAX = 64
WAITS_MS = 10_000   # a report waits for the console so long at most: it tells of a hundred a second

# A bound against corrupt numbers: a life has fewer messages than this.
NUMBERS_MAX = 5_000_000

KEPT = 20_000  # messages whose envelope is remembered once it was opened


@dataclass
class Message:
    life: str
    n: int
    board: str | None = None
    accepted_at: int | None = None  # None: never announced
    received_at: list = field(default_factory=list)
    acked_at: int | None = None  # as the firmware says; evidence only
    dropped_at: int | None = None
    drop_why: str | None = None
    stream: int | None = None  # which of the application's streams, when it has several
    qos: int = 1  # as the application asked for it; 0 is at most once
    flash_at: int | None = None  # since when it lay in flash
    memory_lost: bool = False  # what it lay in was cleared by a reset, before the broker had acknowledged it

    @property
    def key(self):
        return "%s:%d" % (self.life, self.n)


@dataclass
class Ledger:
    messages: list = field(default_factory=list)  # every message handed over before the cut, by life and number
    drops_reported: int = 0  # messages the firmware gave up, as it counted them
    drops_unnamed: int = 0  # reported of messages whose announcement, or refusal, was left out
    drops_made_good: list = field(default_factory=list)  # (instant, how many): told as a sum at the next start, the report itself was cut off
    rtc_lost_at: dict = field(default_factory=dict)  # board → instants
    cut_at: int | None = None  # what was handed over after this does not count: the run was over
    drained: bool | None = None  # whether everything was in by the drain's deadline; None: there was no drain


def numbered(e):
    """(life, n) of a `recv` event, or None when it carries no numbered message."""
    return _numbered(e.get("payload64"), e.get("payload", ""))


def envelope(e):
    """The opened envelope (envelope.Opened) of a `recv` event; None when it is damaged."""
    return _opened(e.get("payload64"), e.get("payload", ""))


# Many laws ask the same of the same messages.
@lru_cache(KEPT)
def _opened(payload64, payload):
    try:
        return open_envelope(payload.encode() if payload64 is None else base64.b64decode(payload64, validate=True))
    except ValueError:
        return None


@lru_cache(KEPT)
def _numbered(payload64, payload):
    opened = _opened(payload64, payload)
    found = _NUMBERED.match(opened.payload.decode("utf-8", "replace")) if opened else None
    return (found.group(1), int(found.group(2))) if found else None


def fold(events):
    """The ledger of a history."""
    return _Fold().run(events)


class _Life:
    def __init__(self, board):
        self.board = board
        self.born_at = None  # known when its beginning is in the history; then its numbers count from the first
        self.messages = {}  # n → Message, of those announced
        self.qos = 1  # of all its messages


class _Fold:
    def __init__(self):
        self.ledger = Ledger()
        self.lives = {}
        self.epoch = {}  # board → boot epoch
        self.told = {}  # board → drops of accepted messages announced in this epoch
        self.unnumbered = 0  # messages that never got a number: reported dropped, and not seen to be refused
        self.by_seq = {}  # (board, boot epoch, seq) → Message
        self.received = {}  # life → {n: instants}; the broker may be quicker than the console
        self.begun = {}  # board → instant at which its broker began a session anew, not yet known to have been seen by the board
        self.unseen = {}  # board → instants of those that it never got to know of: the CONNACK was lost
        self.given_up = {}  # (board, from flash?) → (boot epoch, seq behind it, ms, why) of the last report of messages that were given up
        self.top = {}  # (board, boot epoch) → its last seq that was announced
        self.cut_off = []  # (board, boot epoch, seq, ms, was that epoch over?) of where and when the power may have cut off the next ones

    def run(self, events):
        for e in events:
            kind, _, name = e["src"].partition("/")
            handler = getattr(self, "_%s_%s" % (kind, e["ev"]), None)
            if handler:
                handler(name, e)
        for life, its in self.lives.items():
            self._close(life, its)
        for report in self.cut_off:
            self._beyond(*report)
        self.ledger.drops_unnamed += max(0, self.unnumbered)
        return self.ledger

    def _life(self, life, board):
        if life not in self.lives:
            self.lives[life] = _Life(board)
        return self.lives[life]

    def _board_boot(self, name, e):
        if self.epoch.get(name) != e.get("epoch"):
            self.told[name] = 0
        self.epoch[name] = e.get("epoch")
        if "drops" in e:
            untold = (e["drops"] - self.told.get(name, 0)) % DROPS_MODULO
            if untold and untold < DROPS_MODULO // 2:
                self.ledger.drops_made_good.append((e["t"], untold))
                self.told[name] = e["drops"]
        if e.get("life") and self.ledger.cut_at is None:
            self._life(e["life"], name).born_at = e["t"]

    def _board_lives(self, name, e):
        """An application with several streams, each with a life of its own."""
        for life in e["lives"] if self.ledger.cut_at is None else ():
            self._life(life, name).born_at = e["t"]

    def _board_refuse(self, name, e):
        """publish() said no: there was no room, and its class gives up the newest."""
        self.unnumbered -= 1
        if self.ledger.cut_at is None:
            m = Message(e["life"], e["n"], name, e["t"], dropped_at=e["t"], drop_why="refused")
            self._life(e["life"], name).messages[e["n"]] = m

    def _board_accept(self, name, e):
        if self.ledger.cut_at is None:
            m = Message(e["life"], e["n"], name, e["t"], stream=e.get("k"), qos=e.get("q", 1))
            self._life(e["life"], name).qos = m.qos
            self._life(e["life"], name).messages[e["n"]] = m
            self.by_seq[name, self.epoch.get(name), e["i"]] = m
            self.top[name, self.epoch.get(name)] = e["i"]

    def _line_accept(self, name, e):
        """A device on the board's serial line has said a packet; what number the board gives it is not known."""
        if self.ledger.cut_at is None:
            self._life(e["life"], name).messages[e["n"]] = Message(e["life"], e["n"], name, e["t"])

    def _board_ack(self, name, e):
        m = self.by_seq.get((name, e.get("b", self.epoch.get(name)), e["i"]))
        if m and m.acked_at is None:
            m.acked_at = e["t"]

    def _board_drop(self, name, e):
        count = e.get("n", 1)
        self.ledger.drops_reported += count
        if e["i"] == 0:
            self.unnumbered += count
        if e["i"] < 0:  # too many at one time to name them
            self.told[name] = self.told.get(name, 0) + count
            self.ledger.drops_made_good.append((e["t"], count))
            return
        in_flash = False
        for i in range(e["i"], e["i"] + count):
            m = self.by_seq.get((name, e.get("b", self.epoch.get(name)), i))
            if i and (m is None or m.dropped_at is None):    # told again: a write that was cut off had kept it
                self.told[name] = self.told.get(name, 0) + 1
            in_flash = in_flash or bool(m and m.flash_at is not None)
            if m and m.dropped_at is None:
                m.dropped_at, m.drop_why = e["t"], e.get("why")
            elif i and m is None:
                self.ledger.drops_unnamed += 1
        if e.get("why") in ("overflow", "expired"):
            # Flash gives up its own oldest messages, and RTC memory others meanwhile: what comes next is known of each by itself.
            self.given_up[name, in_flash] = (e.get("b", self.epoch.get(name)), e["i"] + count, e["t"], e["why"])

    def _board_spool(self, name, e):
        """Messages went from RTC memory to flash: from now on they outlive everything."""
        for i in range(e["i"], e["top"] + 1):
            m = self.by_seq.get((name, self.epoch.get(name), i))
            if m and m.flash_at is None:
                m.flash_at = e["t"]

    def _chip_reset(self, name, e):
        if e.get("cause") in LOSES_RTC:
            self.ledger.rtc_lost_at.setdefault(name, []).append(e["t"])
            for in_flash in (False, True):
                epoch, seq, told_at, why = self.given_up.pop((name, in_flash), (None, 0, 0, ""))
                if why == "overflow" or why and e["t"] - told_at <= WAITS_MS:
                    self.cut_off.append((name, epoch, seq, e["t"], epoch != self.epoch.get(name)))

    def _chip_corrupt(self, name, e):
        """Bits of RTC memory flipped: as good as lost."""
        self.ledger.rtc_lost_at.setdefault(name, []).append(e["t"])

    def _broker_recv(self, _, e):
        found = numbered(e)
        if found:
            self.received.setdefault(found[0], {}).setdefault(found[1], []).append(e["t"])

    def _broker_connect(self, _, e):
        name = e.get("client")
        if name in self.begun:
            self.unseen.setdefault(name, []).append(self.begun.pop(name))
        if not e.get("present", True):
            self.begun[name] = e["t"]

    def _board_state(self, name, e):
        if e["new"] == "online" and e["old"] == "dialing":
            self.begun.pop(name, None)

    def _bench_cut(self, _, e):
        self.ledger.cut_at = e["t"]

    def _bench_drained(self, _, e):
        self.ledger.drained = e["ok"]

    def _close(self, life, its):
        """Adds the messages of one life. Lives that never spoke on a console of this run are somebody else's: left out."""
        received = self.received.get(life, {})
        cut = self.ledger.cut_at
        known = sorted([*its.messages, *(n for n, at in received.items() if cut is None or at[0] <= cut)])
        if not known:
            return
        # Applications number from 1; a first number of 0 is believed too.
        first = min(1, known[0]) if its.born_at is not None else min(its.messages, default=known[0])
        if known[-1] - first > NUMBERS_MAX:
            raise ValueError("life %s claims %d messages: no application of ours sends so many" % (life, known[-1]))
        for n in range(first, known[-1] + 1):
            m = its.messages.get(n) or Message(life, n, its.board, qos=its.qos)
            m.received_at = received.get(n, [])
            m.memory_lost = m.acked_at is None and self._lost_rtc_between(
                its.board, m.accepted_at if m.accepted_at is not None else its.born_at or 0, m.flash_at)
            if m.qos == 2 and m.acked_at is not None and m.accepted_at is not None:
                # The broker has lost the session with its PUBREC, and told nobody: docs/firmware.md, what QoS 2 cannot do.
                m.memory_lost = m.memory_lost or any(m.accepted_at <= t <= m.acked_at for t in self.unseen.get(its.board, []))
            self.ledger.messages.append(m)

    def _beyond(self, board, epoch, seq, cut_ms, ended):
        """What is unknown behind the last report before the power went at cut_ms, up to where the next life went on; ended: or up to the last number of that
        boot epoch, because it was over, and flash holds those of the next."""
        piece = []
        while len(piece) <= PIECE_MAX:
            m = self.by_seq.get((board, epoch, seq))
            if m is None and seq < self.top.get((board, epoch), 0):
                seq += 1        # the console had no room to announce it
                continue
            if m is None:
                if not ended:
                    return
                break
            known = [*m.received_at[:1], *([] if m.dropped_at is None else [m.dropped_at])]
            if known and max(known) > cut_ms:
                break
            if not known and m.flash_at is not None:
                piece.append(m)
            seq += 1
        if len(piece) <= PIECE_MAX:
            for m in piece:
                m.memory_lost = True

    def _lost_rtc_between(self, board, t, flash_at):
        lost_at = self.ledger.rtc_lost_at.get(board, [])
        first = bisect_left(lost_at, t)
        return first < len(lost_at) and (flash_at is None or lost_at[first] < flash_at)
