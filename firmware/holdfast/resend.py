# resend.py - answers receivers that miss messages (R20, docs/protocol.md): sends again what is still in memory, names what is gone.
# May import: json, array, struct, salvage; the outbox is handed in.   Time: none.   Blocks: up to 20 ms for a request (the log is gone through once).
# Loaded when the first request comes.
#
# Acknowledged records stay in the ring until new ones need their space. They lie behind the tail, oldest first, and end where
# the log begins; where the first whole one of them begins is not on record and is looked for.
from array import array
from json import dumps, loads
from micropython import const
from struct import unpack_from

from .salvage import numbered

_PID = const(60001)  # of packet ids, a range of our own: outbox.py
_PIDS = const(4000)
_WINDOW = const(8)  # on their way at one time
_QUEUE_MAX = const(64)  # what is asked for beyond that is left for the next request
_RANGES_MAX = const(16)  # in one `gone`
_RECORDS_MAX = const(1400)  # no block holds more
_ALL = const(0xFFFFFFFF)
_UNKNOWN = const(0xFFFFFFFF)  # in place of a stamp
# By form of a record's time: how it is packed, which bits it tells, how much later than the one before the record may be.
_FORMS = ("B", ">H", ">I")
_MASKS = (255, 65535, _ALL)
_GAPS = (256, 65536, 1 << 33)
_DONE = const(0xF0)  # as in ring.py
_RELEVANT = const(0xF4)  # of a message's flags: class and retain


def _wanted(seq, ranges):
    for first, last in ranges:
        if first <= seq <= last:
            return True
    return False


class Resend:
    # tell(topic, payload): tells the receivers something bare.
    def __init__(self, box, tell):
        self._box = box
        self._tell = tell
        self._queue = []  # (offset, number, stamp)
        self._flight = {}  # packet id -> the same

    # A request came: bytes. Raises ValueError, KeyError or TypeError when it is none.
    def request(self, payload):
        given = loads(payload)
        epoch = given["b"]
        block = self._box.block
        top = block.next_seq - 1 if epoch == block.epoch else _ALL
        ranges = sorted([[max(first, 1), min(last, top)] for first, last in given["r"]])
        gone = []
        if epoch != block.epoch:
            for first, last in ranges:
                self._other(epoch, first, last, gone)
        else:
            self._old(ranges, gone)
            self._log(ranges, gone)
        self._say_gone(epoch, gone)

    # What is asked for of the records before the head.
    def _old(self, ranges, gone):
        block = self._box.block
        spots, stamps = self._row()
        head_seq = block.head_seq
        low = head_seq - len(spots)
        for first, last in ranges:
            last = min(last, head_seq - 1)
            self._other(block.epoch, first, min(last, low - 1), gone)
            for seq in range(max(first, low), last + 1):
                self._enqueue((spots[seq - low], seq, stamps[seq - low]))

    # What is asked for of those from the head on: some may be acknowledged already, some unreadable.
    def _log(self, ranges, gone):
        ring = self._box.ring
        block = ring.block
        at, seq, last = block.head, block.head_seq, block.head_t
        while seq < block.next_seq:
            found = ring.seek(at, seq, last) or block.next_seq
            for missing in range(seq, found):
                if _wanted(missing, ranges):
                    self._other(block.epoch, missing, missing, gone)
            if found < block.next_seq and ring.fate & _DONE and _wanted(found, ranges):
                self._enqueue((ring.at, found, ring.t & _ALL))
            at = ring.end + 4
            last = ring.t
            seq = found + 1

    # Numbers that are not in RTC memory: those in flash come by themselves, the others are gone.
    def _other(self, epoch, first, last, gone):
        if first > last:
            return
        spool = self._box.spool
        for first, last in spool.without(epoch, first, last) if spool else ((first, last),):
            if gone and gone[-1][1] == first - 1:
                gone[-1][1] = last
            else:
                gone.append([first, last])

    def _say_gone(self, epoch, gone):
        while gone:
            self._tell("gone", dumps({"b": epoch, "r": gone[:_RANGES_MAX]}).encode())
            gone = gone[_RANGES_MAX:]

    def _enqueue(self, spot):
        if len(self._queue) < _QUEUE_MAX and spot not in self._queue and spot not in self._flight.values():
            self._queue.append(spot)

    # The records before the head: (offsets, stamps) in order. Only an unbroken row of them that leads up to the head counts: a
    # single one may be what is left of several.
    def _row(self):
        ring = self._box.ring
        block = ring.block
        buf = ring.buf
        room = len(buf)
        head_seq = block.head_seq
        at = block.tail
        left = (block.head - at) % room
        if not left and head_seq == block.next_seq:
            left = room
        row = array("H")
        number = 0  # of the record after the row
        while left > 0:
            if at == room:
                at = 0
            if row and at and (at + 6 > room or buf[at] == 0) and ring.holds(0, number):
                left -= room - at
                at = 0
            elif not (ring.holds(at, number) if row else numbered(ring, at, max(1, head_seq - _RECORDS_MAX), head_seq)):
                row = array("H")
                at += 1
                left -= 1
                continue
            if not row:
                number = ring.number
            row.append(at)
            number += 1
            left -= ring.end + 4 - at
            at = ring.end + 4
        if number != head_seq or left < 0:
            return (), ()
        return row, self._stamps(row, block.head_t)

    # The stamp of the last one is known, and each record tells the low bits of its own: that leads backwards as long as no gap is
    # longer than they tell; and forwards from each that tells all of it.
    def _stamps(self, row, t):
        buf = self._box.ring.buf
        stamps = array("I", [_UNKNOWN] * len(row))
        gap = 256  # how much later the one behind is, at most
        for i in range(len(row) - 1, -1, -1):
            at = row[i]
            form = buf[at] >> 6
            if form == 2:
                t = unpack_from(">I", buf, at + 1)[0]
            elif i < len(row) - 1 and t != _UNKNOWN:
                mask = _MASKS[form]
                t = t - (t - unpack_from(_FORMS[form], buf, at + 1)[0] & mask) if mask >= gap - 1 else _UNKNOWN
            stamps[i] = t & _ALL
            gap = _GAPS[form]
        for i in range(1, len(row)):
            at = row[i]
            form = buf[at] >> 6
            t = stamps[i - 1]
            if stamps[i] == _UNKNOWN and t != _UNKNOWN:
                stamps[i] = t + (unpack_from(_FORMS[form], buf, at + 1)[0] - t & _MASKS[form])
        return stamps

    # ---- a side of the outbox

    def load(self, box):
        ring = box.ring
        while self._queue:
            at, seq, t = self._queue[0]
            pid = _PID + seq % _PIDS
            if len(self._flight) == _WINDOW or pid in self._flight:
                return False
            if ring.holds(at, seq):
                box.seq = seq
                box.pid = pid
                box.epoch = box.block.epoch
                self._t = t
                box.describe(ring, box.topics)
                box.flags = box.flags & _RELEVANT | 1
                box.released = box.dup = False
                return True
            self._queue.pop(0)
            self._say_gone(box.block.epoch, [[seq, seq]])
        return False

    def time(self):
        return self._box.clock.text(-1 if self._t == _UNKNOWN else self._t)

    def take(self, pid):
        self._flight[pid] = self._queue.pop(0)

    def ack(self, pid):
        return self._flight.pop(pid)[1]

    def give_up(self, pid, why):
        self._queue.pop(0)

    def rewind(self):
        self._queue = sorted(self._flight.values()) + self._queue
        self._flight = {}
