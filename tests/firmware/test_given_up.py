# R31: what is given up is counted once, in memory that outlives a reset, whichever byte of the write that says so was the last one.
import random

from stand_ins import Counting
from test_tears import torn

HEAP = "200k"  # test and firmware are compiled into it as well
LIMIT_S = 600


# Sends and acknowledges all there is: the numbers that were sent.
def settle(box):
    sent = []
    while box.load():
        sent.append(box.seq)
        box.take()
        box.ack(box.pid)
        box.commit()
    return sent


def test_a_message_given_up_is_counted_once_wherever_its_write_is_cut_off():
    images = 0
    for seed in range(12):
        random.seed(seed)
        device = Counting(size=1024, window=8)
        box = device.box
        lasting, passing, acked = [], [], []
        for _ in range(14):
            device.clock.t += 1
            ttl_s = random.choice((0, 20))
            seq = box.put("t%d" % ttl_s, b"x" * 12, 1 | (8 if random.random() < 0.2 else 0), ttl_s)
            (passing if ttl_s else lasting).append(seq)
        for _ in range(random.randrange(6)):
            assert box.load()
            box.take()
        under_way = list(box.seqs)
        device.clock.t += 1000
        found = []
        device.rtc.on_write = lambda old, new: found.append((old, new, list(acked)))
        while under_way:
            seq = under_way.pop(random.randrange(len(under_way)))
            acked.append(seq)
            box.ack(box.pid_of(seq))
            box.load()
            box.commit()
        settle(box)
        expired = [seq for seq in passing if seq not in acked]
        assert device.counted() == len(expired) and sorted([first for first, _, _ in device.drops]) == expired
        for old, new, acked in found:
            for image in torn(old, new):
                images += 1
                other = device.revived(image)
                sent = settle(other.box)
                # One that was on its way, or whose acknowledgement the cut took away, has expired since.
                again = [seq for seq in passing if seq not in acked[:-1] and seq not in expired]
                assert len(expired) <= other.given_up() <= len(expired) + len(again), (seed, expired, again, other.given_up())
                assert not [seq for seq in sent if seq in expired], (seed, sent)
    assert images > 1000
