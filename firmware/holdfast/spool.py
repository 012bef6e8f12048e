# spool.py - the second tier of the message store: segments in flash, which outlive a power cut (R30, R31).
# May import: segment, wear, ring, recover and afresh for reading, os; the outbox and the settings are handed in.
# Time: stamps.   Blocks: spill() 50-250 ms (flash is erased), opening a segment 5-20 ms, removing one 2-50 ms.
# Loaded when the ring first runs full, or when segments are found at start.
#
# A segment is a file that holds a stretch of the ring as it was, and is never changed: what a power cut may destroy is the one
# being written, whose messages are in the ring until it is complete. Segments are sent oldest first, then removed.
# The layout is docs/rtc-format.md.
from micropython import const
import os
from time import time

from .afresh import unmark
from .recover import recover
from .ring import Ring
from .segment import SESSION, SET, Segment, write
from .wear import Wear

_BLOCK = const(4096)  # what the file system allots
_TOPICS_MAX = const(2000)  # bytes of a segment besides its records
_PIDS = const(40000)  # outbox.py
_DONE = const(0xF0)  # as in ring.py
_RELEASED = const(0x0F)
_WINDOW = const(16)  # on their way at one time: what the note of progress covers
_DOUBT = const(64)  # after a start so many may have been sent before (the largest window)
# In the resume record: how far the oldest segment is done. Its number modulo 32 and how many numbers from its first one on are
# settled (11 bits); bit map of what was released from there on (QoS 2).
_PROGRESS = const(112)
_PROGRESS_FORM = ">HH"
_NOTHING = const(0xFFFF)  # no segment is under way


class Spool:
    # box: the outbox, whose source this becomes. store: nvs.Store, which keeps the count of erases. room_kb: most flash to use.
    # erases: most a day. Raises OSError when there is no folder and none can be made.
    def __init__(self, box, store, room_kb, erases, folder="/spool"):
        self._box = box
        self._most = max(room_kb * 1024 // ((len(box.block.area) + _TOPICS_MAX) // _BLOCK + 1) // _BLOCK, 1)
        self._folder = folder
        self.fault = None  # why the flash refused the last segment
        self._flight = {}  # packet id -> (number, end)
        self._released = []  # numbers of QoS 2 messages for which PUBREC came, as long as progress does not cover them
        self._seg = self._ring = None  # the oldest segment, while it is being sent
        self._left = self.waiting = self._total = 0
        self._first = self._next = 0  # segments on flash: from, to below
        try:
            os.mkdir(folder)
        except OSError:
            pass
        self.wear = Wear(store, box.clock, box.block.epoch, erases, os.statvfs(folder)[0])
        self._look()
        self._sent = (self._seg.first if self._seg else 0) + _DOUBT  # numbers below may have been sent on an earlier connection

    # Finds what there is. What the newest segment holds may be in the ring as well: the last life ended before it was struck out
    # there. How many messages wait follows from the running totals of the newest and the oldest.
    def _look(self):
        found = []
        for entry in os.ilistdir(self._folder):
            try:
                found.append(int(entry[0], 16))
            except ValueError:
                self._remove(entry[0])  # a segment that was never finished
        if not found:
            return
        self._first = min(found)
        self._next = max(found) + 1
        newest = self._load(self._next - 1)
        if newest:
            self._total = newest.total
            if self._box.block.fresh:  # which session it was went with RTC memory
                self._box.block.poke(SESSION, "B", newest.session)
            if newest.epoch == self._box.block.epoch:
                self._strike_out(newest.next_seq)
        newest = None
        self._turn()
        if self._seg:
            self.waiting = max(self._total - self._seg.total, 0) + self._left

    def _path(self, number):
        return "%s/%08x" % (self._folder, number)

    def _remove(self, name):
        try:
            os.remove(self._folder + "/" + name)
        except OSError:
            pass

    # A segment from flash; None, and removed, when it cannot be read.
    def _load(self, number):
        try:
            with open(self._path(number), "rb") as f:
                return Segment(f)
        except OSError:
            return None  # there is none of that number
        except (ValueError, UnicodeError):
            self._remove("%08x" % number)
            self._box.lost(0, 1, "unreadable")
            return None

    # ---- writing

    # Moves what is in the ring to flash; what is on its way stays that. Returns how many messages that were. 0: nothing is there, there is
    # no room, the day's erases are spent, the flash refuses, or see _stretch(): then the overflow policy has its turn.
    # drop: may the oldest segment be given up when there is no room? Only the overflow policies, and only for a ring that is full.
    def spill(self, drop=True):
        box = self._box
        block = box.block
        if not box.waiting or not self.wear.affords() or not self._make_room(drop):
            return 0
        stretch = self._stretch()
        if not stretch:
            return 0
        n, wrap = stretch
        path = self._folder + "/new"
        try:
            write(path, block, wrap, box.topics.blob, n, self._total)
            os.rename(path, self._path(self._next))
            if hasattr(os, "sync"):
                os.sync()  # for FAT; littlefs is safe without
        except OSError as e:
            self.fault = e
            self._remove("new")
            return 0
        self._next += 1
        self._total = self._total + n & 0xFFFFFFFF
        if self._first + 1 == self._next:
            self._sent = max(box.again + [box.sent_top]) + 1
            self._take_over(wrap)
        self._strike_out(block.next_seq)
        box.commit()
        self.waiting += n
        self.wear.spend()
        return n

    # Spills, and has the node tell of it.
    def save(self, node, drop):
        block = self._box.block
        first = block.head_seq
        n = self.spill(drop)
        if n:
            node.emit("spool", {"n": n, "i": first, "top": block.next_seq - 1, "queued": self.waiting, "erases": self.wear.erases})
        elif self.fault:
            node.error("flash", repr(self.fault))
            self.fault = None
        return n

    # The log as it lies: (records that are not done, where it goes on at the front of the area - 0: it does not). None when all are done,
    # and while something is on its way that could not be looked after any more: in a segment that is not the oldest one a QoS 1 message
    # is sent again in its turn, which no other may be; and the note of progress has room for so much of QoS 2.
    def _stretch(self):
        box = self._box
        ring = box.ring
        block = box.block
        topics = box.topics
        at, seq, last = block.head, block.head_seq, block.head_t
        n = wrap = 0
        while True:
            found = ring.seek(at, seq, last)
            if not found:
                return (n, wrap) if n else None
            if ring.at < at:  # where records are missing, the place they had goes along: salvage.py counts by it
                wrap = at if found == seq else len(ring.buf)
            seq = found
            n += not ring.fate & _DONE
            if seq in box.seqs:
                topics.look_up(ring.slot, ring.buf, ring.start)
                qos = topics.flags & 3
                if qos != 1 if self._first != self._next else qos == 2 and seq - block.head_seq >= _WINDOW:
                    return None
            at = ring.end + 4
            last = ring.t
            seq += 1

    # What is on its way from the ring is on its way from the one segment there is, under the same packet ids.
    def _take_over(self, wrap):
        box = self._box
        head = box.block.head
        seqs = box.seqs
        if not seqs:
            return
        self._turn()
        for i in range(len(seqs)):
            seq = seqs[i]
            if seq > 0 and self._seg:
                end = box._spots[i][0]
                pid = box.pid_of(seq)
                self._flight[pid] = (seq, end - head if end > head else wrap + end - head)
                box._spots[i] = self
                for marks in (seqs, box._released, box._unwritten):
                    if seq in marks:
                        marks[marks.index(seq)] = -pid

    # Everything in the ring below number `top` is safe in flash. The caller commits.
    def _strike_out(self, top):
        box = self._box
        block = box.block
        ring = box.ring
        at, seq, last = block.head, block.head_seq, block.head_t
        while True:
            seq = ring.seek(at, seq, last)
            if not seq or seq >= top:
                return
            at = ring.end + 4
            last = ring.t
            if not ring.fate & _DONE:
                box.done(seq, ring.end, ring.t)
            seq += 1

    # Is there room for one more segment? If need be, and drop says so, the oldest one is given up, when the policies of all its messages
    # allow it.
    def _make_room(self, drop):
        if self._next - self._first < self._most:
            return True
        if not drop or self._flight:
            return False
        self._turn()
        box = self._box
        seg = self._seg
        ring = self._ring
        lost = []
        at, seq, last = seg.head, seg.head_seq, seg.head_t
        while True:
            seq = ring.seek(at, seq, last)
            if not seq:
                break
            if not ring.fate & _DONE:
                seg.table.look_up(ring.slot, ring.buf, ring.start)
                if box.policies[min(seg.table.flags >> 4, len(box.policies) - 1)] != "drop_oldest":
                    return False
                if lost and lost[-1][0] + lost[-1][1] == seq:
                    lost[-1][1] += 1
                else:
                    lost.append([seq, 1])
            at = ring.end + 4
            last = ring.t
            seq += 1
        for first, n in lost:
            self.waiting -= n
            box.lost(first, n, "overflow", seg.epoch)
        self._drop_segment()
        return True

    # ---- reading

    # Turns to the oldest segment that has anything to send, unless one is open.
    def _turn(self):
        while not self._seg and self._first != self._next:
            self._seg = seg = self._load(self._first)
            if not seg:
                self._first += 1
                continue
            self._ring = ring = Ring(seg, seg.table.sizes)
            self._left = 0
            self._pid_0 = self._box.pid_0(seg.epoch)
            known, released = self._box.block.peek(_PROGRESS, _PROGRESS_FORM)
            if known == _NOTHING or known >> 11 != self._first & 31:
                known = released = 0
            settled = known & 2047
            self._released = [seg.first + settled + i for i in range(_WINDOW) if released >> i & 1]
            self._settled = seg.first + settled
            lost = recover(ring, self._seen)
            if not seg.whole:
                for first, n in lost:
                    self._box.lost(first, n, "unreadable", seg.epoch)
            self._pass_done()
            if self._left:
                self._to_head()
            else:
                self._drop_segment()

    def _seen(self, seq):
        ring = self._ring
        if ring.fate & _DONE:
            return
        if seq < self._settled:
            return ring.mark(ring.end, _DONE)
        self._left += 1
        if seq in self._released:
            if not ring.fate & _RELEASED:
                ring.mark(ring.end, _RELEASED)
        elif ring.fate & _RELEASED:
            if self._seg.session == self._session():
                self._released.append(seq)
            else:
                ring.mark(ring.end, _RELEASED)

    # Which session it is: the broker's number and a counter of those that began anew. What was released in another one was not in this.
    def _session(self):
        return self._box.block.peek(SESSION, "B")[0]

    # This session knows of no PUBREC.
    def afresh(self):
        self._released = []
        if self._seg and unmark(self._ring):
            self._note()
            self._box.dirty = True

    # Moves the head of the open segment past what is done.
    def _pass_done(self):
        seg = self._seg
        ring = self._ring
        while True:
            found = ring.seek(seg.head, seg.head_seq, seg.head_t)
            if not found:
                return
            if not ring.fate & _DONE:
                seg.head = ring.at
                seg.head_seq = found
                seg.head_t = ring.before
                return
            seg.head = ring.end + 4
            seg.head_seq = found + 1
            seg.head_t = ring.t

    # Notes in the resume record how far the open segment is; the outbox commits.
    def _note(self):
        seg = self._seg
        bits = 0
        for seq in list(self._released):
            if seq < seg.head_seq:
                self._released.remove(seq)
            elif seq < seg.head_seq + _WINDOW:
                bits |= 1 << seq - seg.head_seq
        self._box.block.poke(_PROGRESS, _PROGRESS_FORM, (self._first & 31) << 11 | seg.head_seq - seg.first, bits)

    # The open segment is done with: its file goes, as soon as what was given up of it is counted where a reset takes nothing away.
    def _drop_segment(self):
        seg = self._seg
        seg.head_seq = seg.next_seq
        self._note()
        self._box.block.commit()
        self._seg = self._ring = None
        self._sent = 0
        self._remove("%08x" % self._first)
        self._first += 1
        if self._first == self._next:
            self.waiting = 0
        self._box.block.poke(_PROGRESS, _PROGRESS_FORM, _NOTHING, 0)
        self._box.dirty = True

    # ---- a side of the outbox

    # True when there is one to send, None when there will be, once some of those on their way are acknowledged.
    def load(self, box):
        while True:
            self._turn()
            seg = self._seg
            if not seg:
                return False
            ring = self._ring
            found = ring.seek(*self._spot)
            if not found:
                return None if self._first + 1 < self._next else False
            self._after = (ring.end + 4, found + 1, ring.t)
            if ring.fate & _DONE:
                self._spot = self._after
                continue
            box.pid = (found + self._pid_0) % _PIDS + 1
            if box.pid in self._flight:  # since before it came here
                self._spot = self._after
                continue
            if found - seg.head_seq >= _WINDOW or box.by_pid(box.pid):
                return None
            box.seq = found
            box.epoch = seg.epoch
            self._t = ring.t
            box.t = ring.t if seg.epoch == box.block.epoch else -1
            box.released = ring.fate & _RELEASED
            box.dup = found < self._sent
            box.describe(ring, seg.table)
            self._end = ring.end
            if box.released or not seg.table.ttl_s or self._age_s(ring.t) <= seg.table.ttl_s:
                return True
            self.give_up(box.pid, "expired")

    # How old a message of the open segment is, in s; -1: nobody knows.
    def _age_s(self, t):
        seg = self._seg
        clock = self._box.clock
        if t < 0:
            return -1
        if seg.epoch == self._box.block.epoch:
            return (clock.stamp() - t) // 10
        return int(time()) - seg.birth_s - t // 10 if seg.flags & SET and clock.known() else -1

    def time(self):
        box = self._box
        seg = self._seg
        if seg.epoch == box.block.epoch:
            return box.clock.text(self._t)
        return box.clock.text_at(seg.birth_s, self._t) if seg.flags & SET and self._t >= 0 else "null"

    def take(self, pid):
        self._flight[pid] = (self._box.seq, self._end)
        self._spot = self._after

    def ack(self, pid):
        seq, end = self._flight.pop(pid)
        self._box.acked += 1
        epoch = self._seg.epoch
        self._settle(end)
        return seq if epoch == self._box.block.epoch else (seq, epoch)

    def received(self, pid):
        seq, end = self._flight[pid]
        self._ring.mark(end, _RELEASED)
        self._released.append(seq)
        self._note()

    # As in the outbox: the progress that a reset leaves knows of the oldest only, so one behind it is passed over until it is that.
    def give_up(self, pid, why):
        box = self._box
        seg = self._seg
        self._spot = self._after
        if box.seq == seg.head_seq:
            box.lost(box.seq, 1, why, seg.epoch)
            self._settle(self._end)

    # The message whose record ends at `end` needs no more sending.
    def _settle(self, end):
        self._ring.mark(end, _DONE)
        self._left -= 1
        self.waiting -= 1
        if not self._left:
            return self._drop_segment()
        seg = self._seg
        self._pass_done()
        self._note()
        if seg.head_seq < self._spot[1] and not self._under_way(seg.head_seq):
            self._to_head()

    def _under_way(self, seq):
        for flying, _ in self._flight.values():
            if flying == seq:
                return True
        return False

    def rewind(self):
        for seq, _ in self._flight.values():
            self._sent = max(self._sent, seq + 1)
        self._flight = {}
        if self._seg:
            self._to_head()

    def _to_head(self):
        seg = self._seg
        self._spot = (seg.head, seg.head_seq, seg.head_t)

    # Which of the numbers first to last of an epoch are not here: a list of (first, last). Blocks for 20 ms, or, when there is
    # more than one epoch, as much for each segment.
    def without(self, epoch, first, last):
        self._turn()
        oldest = self._seg
        if not oldest:
            return [(first, last)]
        newest = self._load(self._next - 1)
        if newest and newest.epoch == oldest.epoch:
            runs = [(oldest.epoch, oldest.head_seq, newest.next_seq)]
        else:
            runs = [(oldest.epoch, oldest.head_seq, oldest.next_seq)]
            for number in range(self._first + 1, self._next):
                seg = self._load(number)
                if seg:
                    runs.append((seg.epoch, seg.first, seg.next_seq))
        rest = [(first, last)]
        for at, low, top in runs:
            if at == epoch:
                rest = [r for a, b in rest for r in ((a, min(b, low - 1)), (max(a, top), b)) if r[0] <= r[1]]
        return rest
