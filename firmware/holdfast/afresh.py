# afresh.py - the broker has begun a new session, or is another one than before: it knows of no PUBREC, so QoS 2 begins anew.
# May import: nothing of ours; the outbox is handed in.   Time: none.   Blocks: 10-20 ms for a full log.
# All at once and before anything is sent: the connection may end before the last of these messages has had its turn, and the next one
# is to a session that was kept.
from micropython import const

_RELEASED = const(0x0F)  # as in ring.py


def afresh(box):
    if box.waiting and unmark(box.ring):
        box.dirty = True
    if box.spool:
        box.spool.afresh()


# No message of this log has been released. True when there were any.
def unmark(ring):
    log = ring.block
    at, seq, last = log.head, log.head_seq, log.head_t
    any_were = False
    while True:
        seq = ring.seek(at, seq, last)
        if not seq:
            return any_were
        if ring.fate == _RELEASED:
            ring.mark(ring.end, _RELEASED)
            any_were = True
        at = ring.end + 4
        last = ring.t
        seq += 1
