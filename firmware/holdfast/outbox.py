# outbox.py - accepts messages into the ring, says which one to send next, takes acknowledgements, gives up by policy.
# May import: recover; ring, topics and clock are handed in, spool and resend are added where there is need.
# Time: stamps come from the clock.   Blocks: never (one RTC write per message).
#
# Order: urgent messages first, else as accepted: what lies in flash, then the ring; what was asked for again comes last. A
# message leaves the log when it is acknowledged (QoS 0: written), in any order; its space is free again when all before it
# have left too.
#
# A *side* is another source of messages (spool, resend):
#     load(box) -> True when it has one to send: the fields that load() here names are set; None: wait, whatever else there is
#     take(pid), ack(pid), received(pid), give_up(pid, why) of the message with that packet id;   rewind(): the connection is new
from micropython import const

_PIDS = const(40000)  # packet ids of messages, 1 to that; those up to 65000 are the sides', above the session's
_APART = const(7919)  # between the packet ids of two epochs: a broker may still hold half a QoS 2 message of the epoch before
_INLINE = const(63)  # topics.py
_QOS = const(3)
_URGENT = const(8)
_RELEASED = const(0x0F)  # as in ring.py
_DONE = const(0xF0)
_URGENT_MAX = const(16)  # urgent messages that overtake at one time; more wait in line like any other, as do those behind them


# Raised by put() when there is no room and the class wants to know.
class Full(Exception):
    pass


class Outbox:
    # policies: what to do when there is no room, by class number: "drop_oldest", "drop_newest" or "raise".
    # window: messages on their way at one time.
    # on_drop(first number, how many, why, epoch): called for messages given up; number 0: it never got one; epoch None: this one.
    def __init__(self, ring, topics, clock, policies, window, on_drop):
        self.ring = ring
        self.block = block = ring.block
        self.topics = topics
        self.clock = clock
        self._pid_0 = self.pid_0(block.epoch)
        self.policies = policies
        self.on_drop = on_drop
        self.spool = self.resend = None
        self.spill = None  # () -> messages moved to flash; called when there is no room
        self.waiting = 0  # messages in the ring not yet acknowledged
        self.accepted = self.acked = self.dropped = 0  # since start
        self.dirty = False  # something was acknowledged that the block in RTC memory does not know of
        self._holes = 0  # records behind the head that are done, and numbers without a record
        self._crowded = 0  # the last urgent message that had to wait in line
        self.urgent = []  # (offset, number, stamp before) of urgent messages not yet acknowledged
        self.seqs = []  # numbers of the messages on their way, oldest first; minus the packet id for those of a side
        self._spots = []  # likewise: (end of the record, stamp), or the side
        self.again = []  # sent before, on an earlier connection
        from .recover import recover

        for first, n in recover(ring, self._seen):
            self._holes += 1
            self.lost(first, n, "unreadable")
        clock.floor(ring.last_t)
        self._pass_done()
        # These may have been on their way when the last life ended.
        self.sent_top = min(block.head_seq + window, block.next_seq) - 1
        self.rewind()

    def _seen(self, seq):
        ring = self.ring
        if ring.fate & _DONE:
            self._holes += 1
            return
        self.waiting += 1
        self.topics.look_up(ring.slot, ring.buf, ring.start)
        if self.topics.flags & _URGENT:
            self._hurry(ring.at, seq, ring.before)

    def _hurry(self, at, seq, last):
        if len(self.urgent) < _URGENT_MAX and self._crowded < self.block.head_seq:
            self.urgent.append((at, seq, last))
        else:
            self._crowded = seq

    # epoch: where that is another one than now.
    def lost(self, first, n, why, epoch=None):
        self.dropped += n
        self.on_drop(first, n, why, epoch)

    # Takes a message over. When it returns a number, the message is in memory that survives a reset; 0: there was no
    # room and the class drops the newest. Raises Full for a class that wants it so, ValueError when the memory could never
    # hold it. Node checks the other arguments.
    def put(self, topic, payload, flags, ttl_s, schema=0):
        topics = self.topics
        ring = self.ring
        block = self.block
        slot = topics.slot(topic, flags, ttl_s, len(payload), schema)
        if slot == _INLINE:
            payload = topics.prefix(topic, flags, ttl_s, schema) + payload
        if len(payload) > ring.longest:
            raise ValueError("%d bytes: RTC memory has room for %d" % (len(payload), ring.longest))
        last = ring.last_t
        self.clock.check()
        t = self.clock.stamp()
        while True:
            seq = ring.append(slot, payload, t)
            if seq:
                break
            if self.spill and self.spill():
                last = ring.last_t
                continue
            policy = self.policies[flags >> 4]
            if not self._make_room(policy):
                if policy == "raise":  # whoever offers it still has it: nothing is lost
                    raise Full(topic)
                self.lost(0, 1, "overflow")
                return 0
        self.dirty = False
        block.commit()
        if block.head_seq == seq:
            self._to_head()
        if flags & _URGENT:
            self._hurry(ring.at, seq, last)
        self.waiting += 1
        self.accepted += 1
        return seq

    # Frees space: what is done already, else the oldest message. False when policies forbid that.
    def _make_room(self, policy):
        block = self.block
        ring = self.ring
        if block.safe_seq == block.head_seq:
            seq = ring.seek(block.head, block.head_seq, block.head_t)
            if policy != "drop_oldest" or not seq:
                return False
            self.topics.look_up(ring.slot, ring.buf, ring.start)
            if self.policies[self.topics.flags >> 4] != "drop_oldest":
                return False
            self.done(seq, ring.end, ring.t)
            self.lost(seq, 1, "overflow")
        block.commit()
        return True

    # Begins again with the oldest message: the connection is new. What was on its way is not acknowledged.
    def rewind(self):
        for seq in self.seqs:
            if seq > 0 and seq not in self.again:
                self.again.append(seq)
        self.seqs = []
        self._spots = []
        self._unwritten = []  # those with QoS 0
        self._released = []  # those with QoS 2 for which PUBREC came
        for side in (self.spool, self.resend):
            if side:
                side.rewind()
        self._to_head()

    def _to_head(self):
        block = self.block
        self._next = (block.head, block.head_seq, block.head_t)  # where load() goes on

    # True when there is a message to send: seq, epoch, pid, topic, flags, payload, dup, released and schema then describe it.
    # payload is valid until the next put(). Messages that have become too old are dropped on the way.
    def load(self):
        # Most calls come while an acknowledgement is awaited and there is nothing else.
        if self.seqs and self._next[1] == self.block.next_seq and not (self.urgent or self.spool or self.resend):
            return False
        if self.clock.check():
            self.dirty = True
        self._ahead = self._side = None
        for ahead in tuple(self.urgent):
            if ahead[1] not in self.seqs:
                self._ahead = ahead
                found = self.ring.seek(*ahead)
                if found != ahead[1]:
                    self.urgent.remove(ahead)
                elif self._fill(found):
                    return True
        self._ahead = None
        if self.spool:
            found = self.spool.load(self)
            if found:
                self._side = self.spool
                return True
            if found is None:
                return False
        ring = self.ring
        while True:
            found = ring.seek(*self._next)
            if not found:
                break
            if ring.fate & _DONE or found in self.seqs:
                self._next = (ring.end + 4, found + 1, ring.t)
            elif self._fill(found):
                return True
        if self.resend and self.resend.load(self):
            self._side = self.resend
            return True
        return False

    # The record that seek() found is what load() says, unless it is too old.
    def _fill(self, seq):
        ring = self.ring
        self.seq = seq
        self._end = ring.end
        self.t = ring.t
        self.released = ring.fate & _RELEASED
        self.describe(ring, self.topics)
        if self.topics.ttl_s and not self.released and ring.t >= 0 and self.clock.stamp() - ring.t > self.topics.ttl_s * 10:
            self.give_up("expired")
            return False
        self.epoch = self.block.epoch
        self.pid = self.pid_of(seq)
        self.dup = seq in self.again or seq <= self.sent_top
        return True

    # Sets topic, flags, schema and payload from the record that `ring` has found; `topics` tells what its slot means.
    def describe(self, ring, topics):
        start = topics.look_up(ring.slot, ring.buf, ring.start)
        self.topic = topics.topic
        self.flags = topics.flags
        self.schema = topics.schema
        self.payload = ring.buf[start : ring.end]

    # When the message that load() found was handed over: epoch time in ms as JSON text, or "null".
    def time(self):
        return self._side.time() if self._side else self.clock.text(self.t)

    # The message that load() found has been encoded: it is on its way.
    def take(self):
        side = self._side
        if side:
            seq = -self.pid
            self._spots.append(side)
            side.take(self.pid)
        else:
            seq = self.seq
            self._spots.append((self._end, self.t))
            if not self._ahead:
                self._next = (self._end + 4, seq + 1, self.t)
        self.seqs.append(seq)
        if not self.flags & _QOS:
            self._unwritten.append(seq)
        if self.released:
            self._released.append(seq)

    # The message that load() found can never be sent. It is passed over until it is the oldest: then one header says both that it is
    # gone and that it is counted, and no write that is cut off can come between.
    def give_up(self, why):
        if self._side:
            return self._side.give_up(self.pid, why)
        if self.seq == self.block.head_seq:
            self.done(self.seq, self._end, self.t)
            self.lost(self.seq, 1, why)
        elif self._ahead:
            self.urgent.remove(self._ahead)
        else:
            self._next = (self._end + 4, self.seq + 1, self.t)

    # Everything taken so far has been written to the transport: QoS 0 is done with that.
    def written(self):
        while self._unwritten:
            self._finish(self._unwritten.pop())

    # Message `seq` of an epoch always has the same packet id, wherever it lies: (seq + pid_0(epoch)) % _PIDS + 1.
    def pid_0(self, epoch):
        return epoch * _APART % _PIDS

    def pid_of(self, seq):
        return (seq + self._pid_0) % _PIDS + 1

    # The message on its way with this packet id, 0 when there is none: a stray acknowledgement.
    def by_pid(self, pid):
        for seq in self.seqs:
            if (self.pid_of(seq) if seq > 0 else -seq) == pid:
                return seq
        return 0

    # The broker has acknowledged packet id `pid` (PUBACK, PUBCOMP). Returns the message's number, 0 for a stray one; (number, epoch) for one of another
    # boot epoch, from flash.
    def ack(self, pid):
        seq = self.by_pid(pid)
        return self._finish(seq) if seq else 0

    # QoS 2: PUBREC came. Once this returns the message is never sent again, whatever happens: PUBREL may go.
    def received(self, pid):
        seq = self.by_pid(pid)
        if seq and seq not in self._released:
            self._released.append(seq)
            spot = self._spots[self.seqs.index(seq)]
            if seq > 0:
                self.ring.mark(spot[0], _RELEASED)
            else:
                spot.received(pid)
            self.block.commit()

    def _finish(self, seq):
        spot = self._spots[self.seqs.index(seq)]
        if seq > 0:
            self.acked += 1
            self.done(seq, *spot)
            return seq
        self._forget(seq)
        self.dirty = True
        return spot.ack(-seq)

    def _forget(self, seq):
        if seq in self.seqs:
            self._spots.pop(self.seqs.index(seq))
        for marks in (self.seqs, self.again, self._released, self._unwritten):
            if seq in marks:
                marks.remove(seq)

    # The record needs no more sending, for whatever reason; commit() makes that survive a reset.
    def done(self, seq, end, t):
        block = self.block
        self._forget(seq)
        for ahead in self.urgent:
            if ahead[1] == seq:
                self.urgent.remove(ahead)
                break
        self.waiting -= 1
        self.dirty = True
        if seq == block.head_seq:
            block.head = end + 4
            block.head_seq = seq + 1
            block.head_t = t
            if self._holes:
                self._pass_done()
            if self._next[1] < block.head_seq or block.head_seq not in self.seqs:
                self._to_head()
        else:
            self.ring.mark(end, _DONE)
            self._holes += 1

    # Moves the head past records that are done, and past damage.
    def _pass_done(self):
        block = self.block
        ring = self.ring
        while block.head_seq < block.next_seq:
            found = ring.seek(block.head, block.head_seq, block.head_t)
            if not found:
                block.head = block.tail
                block.head_seq = block.next_seq
                block.head_t = ring.last_t
            elif ring.fate & _DONE:
                self._holes -= 1
                block.head = ring.end + 4
                block.head_seq = found + 1
                block.head_t = ring.t
            else:
                block.head = ring.at
                block.head_seq = found
                block.head_t = ring.before
                return

    # Makes acknowledgements survive a reset; without it the messages would be sent again after one, as QoS 1 allows.
    def commit(self):
        if self.dirty:
            self.dirty = False
            self.block.commit()
