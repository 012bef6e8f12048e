# recover.py - goes through a log once, before anything is done with it: what is there, and what should be and is not.
# May import: nothing of ours; the ring is handed in.   Time: none.   Blocks: 10-20 ms for a full ring.
# Needed at the start, and when a segment of the spool is opened; Node forgets it in between.


# Calls seen(number) for each intact record. Returns the numbers that the header claims and that cannot be read, as a list of
# (first, count).
def recover(ring, seen):
    block = ring.block
    lost = []
    at = block.head
    seq = block.head_seq
    last = block.head_t
    while True:
        found = ring.seek(at, seq, last)
        if found == 0:
            break
        if found > seq:
            lost.append((seq, found - seq))
        seen(found)
        at = ring.end + 4
        last = ring.t
        seq = found + 1
    if seq < block.next_seq:
        lost.append((seq, block.next_seq - seq))
        at = block.tail
        seq = block.next_seq
    # Where the newest header is unreadable, the log may go on behind the end that the older one knows. If it does not,
    # one number may have been given to a message that is gone; it is never given again.
    torn = block.torn
    while ring.holds(at, seq) or ring.holds(0, seq):
        ring.stamp(ring.at, last)
        seen(seq)
        at = block.tail = ring.end + 4
        last = ring.t
        seq = block.next_seq = seq + 1
        torn = False
    if torn:
        lost.append((seq, 1))
        block.next_seq = seq + 1
    ring.last_t = last
    return lost
