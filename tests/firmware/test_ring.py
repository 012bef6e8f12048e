# The message log on the chip's words: density, cost, order, acknowledgement, survival.
import gc
import random

from stand_ins import Device


class Sink:
    def memory(self, data):
        pass


def test_holds_180_messages_of_four_bytes_with_the_resume_record():  # R31, R32
    device = Device()
    for i in range(180):
        device.clock.t += 10
        assert device.box.put("sensor/temp", b"%04d" % i, 1, 0) == i + 1
    assert not device.drops
    device.boot()
    assert [m[2] for m in device.drain()] == [b"%04d" % i for i in range(180)] and not device.drops


def test_holds_60_messages_of_twenty_bytes_and_some_more():
    device = Device()
    n = 0
    while not device.drops:
        device.clock.t += 10
        n += 1
        device.box.put("sensor/temp", b"%020d" % n, 1, 0)
    assert n - 1 == 69


def test_a_message_longer_than_the_memory_is_refused_and_nothing_is_dropped_for_it():
    device = Device(size=1024)
    device.box.put("a", b"1", 1, 0)
    for payload, topic in ((b"x" * 774, "a"), (b"x" * 2000, "a")):
        try:
            device.box.put(topic, payload, 1, 0)
            assert False, "accepted"
        except ValueError as e:
            assert "RTC memory has room for 773" in str(e)
    assert device.box.waiting == 1 and not device.drops
    assert device.box.put("a", b"x" * 773, 1, 0) == 2 and device.drops == [(1, 1, "overflow")]


def test_payloads_of_several_sizes_under_one_topic():
    device = Device()
    sizes = (4, 4, 5, 0, 127, 128, 300, 4, 253, 254, 255)
    for n in sizes:
        device.box.put("a", b"x" * n, 1, 0)
    device.boot()
    assert [len(m[2]) for m in device.drain()] == list(sizes)


# Fills a block, lets some of it be acknowledged, and boots with other sizes: nothing that was readable is lost.
def test_the_block_grows_and_shrinks_with_what_is_in_it():  # R31
    for before, after, wrap in ((2048, 1024, False), (1024, 2048, False), (1024, 2048, True), (2048, 512, False), (2048, 1024, True), (1024, 1100, False)):
        device = Device(size=before)
        n = 0
        while not wrap and n < 20 or wrap and (n == 0 or device.block.tail > device.block.head):
            n += 1
            device.box.put("a", b"payload %4d" % n, 1, 0)
            if n > 12:
                device.box.load()
                device.box.take()
                device.box.ack(device.box.pid_of(device.box.seq))
                device.box.commit()
        kept = list(range(n - device.box.waiting + 1, n + 1))
        assert len(kept) == 12 and not device.drops
        device.size = after
        device.boot()
        stays = wrap and after < before or abs(after - before) < 240
        assert len(device.rtc.data) == (before if stays else after), (before, after, wrap, len(device.rtc.data))
        for _ in range(2):
            assert device.drain() == [(i, "a", b"payload %4d" % i) for i in kept]
            device.boot()
        assert device.box.put("a", b"and one", 1, 0) == n + 1 and not device.drops
        device.boot()
        assert [m[0] for m in device.drain()] == kept + [n + 1]


def test_a_log_that_is_longer_than_the_smaller_block_stays_where_it_is():
    device = Device(size=2048)
    for i in range(60):
        device.box.put("a", b"payload %4d" % i, 1, 0)
    device.size = 700
    device.boot()
    assert len(device.rtc.data) == 2048 and len(device.drain()) == 60
    for i in range(55):
        device.box.ack(device.box.pid_of(i + 1))
    device.box.commit()
    device.boot()
    assert len(device.rtc.data) == 700 and [m[0] for m in device.drain()] == [56, 57, 58, 59, 60]


def test_records_of_another_topic_table_are_reported_and_never_misread():
    device = Device()
    device.box.put("valve/open", b"1", 1, 0)
    device.box.put("valve/open", b"0", 1, 0)
    device.store.blob = b""  # the flash was erased
    device.boot()
    assert device.drops == [(1, 2, "unreadable")]
    device.box.put("valve/shut", b"7", 1, 0)
    device.boot()
    assert device.drain() == [(3, "valve/shut", b"7")]


def test_append_allocates_nothing_that_grows_with_the_queue():
    device = Device()
    device.block.rtc = Sink()  # the port copies into memory it has; the stand-in would allocate the block anew
    used = []
    payload = b"0123456789abcdefghij"
    for i in range(60):
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        device.box.put("sensor/temp", payload, 1, 0)
        used.append(gc.mem_alloc() - before)
        gc.enable()
    assert max(used[5:]) <= 256, used
    assert max(used[-5:]) <= max(used[5:10]), used


def test_messages_come_back_in_order_after_a_reset():
    device = Device()
    for i in range(20):
        device.clock.t += 7
        assert device.box.put("a/b", b"m%d" % i, 1, 0) == i + 1
    device.boot()
    assert device.drain() == [(i + 1, "a/b", b"m%d" % i) for i in range(20)]


def test_an_urgent_message_overtakes_also_after_a_reset():  # R51
    device = Device()
    for i in range(5):
        device.box.put("a", b"m%d" % i, 1, 0)
    device.box.put("alarm", b"fire", 1 | 8, 0)
    assert [m[0] for m in device.drain()] == [6, 1, 2, 3, 4, 5]
    device.boot()
    assert [m[0] for m in device.drain()] == [6, 1, 2, 3, 4, 5]


def test_acknowledgements_out_of_order_survive_a_reset():  # R31
    device = Device()
    for i in range(10):
        device.box.put("a", b"m%d" % i, 1, 0)
    device.drain()
    for seq in (3, 1, 7, 2, 10):
        assert device.box.ack(device.box.pid_of(seq)) == seq
    assert device.box.ack(device.box.pid_of(3)) == 0
    device.box.commit()
    device.boot()
    assert [m[0] for m in device.drain()] == [4, 5, 6, 8, 9]


def test_full_ring_drops_the_oldest_and_says_so():
    device = Device()
    n = 0
    while not device.drops:
        n += 1
        device.box.put("a", b"x" * 100, 1, 0)
    assert device.drops == [(1, 1, "overflow")]
    device.boot()
    assert [m[0] for m in device.drain()] == list(range(2, n + 1))


def test_a_class_that_drops_the_newest_keeps_what_it_has():
    device = Device()
    while device.box.put("a", b"x" * 100, 1 | 16, 0):
        pass
    kept = device.box.waiting
    assert device.drops == [(0, 1, "overflow")]
    assert device.box.put("b", b"x" * 100, 1, 0) == 0  # the other class may not push it out either
    assert device.box.waiting == kept


def test_time_stamps_survive_gaps_of_any_length():
    device = Device()
    stamps = []
    for gap in (0, 1, 255, 256, 257, 65535, 65536, 70000, 10000000, 3):
        device.clock.t += gap
        stamps.append(device.clock.t)
        device.box.put("a", b"x", 1, 0)
    device.boot()
    seen = []
    while device.box.load():
        seen.append(device.box.t)
        device.box.take()
    assert seen == stamps, seen


def test_more_topics_than_the_table_has_room_for():
    device = Device(size=8192)
    sent = []
    for i in range(100):
        sent.append((i + 1, "topic/%d" % i, b"%d" % i))
        device.box.put("topic/%d" % i, b"%d" % i, 1, 0)
    device.boot()
    assert device.drain() == sent


def test_thousands_of_random_operations_against_a_simple_list():
    random.seed(7)
    device = Device()
    live = {}
    for step in range(4000):
        box = device.box
        choice = random.random()
        device.clock.t += random.choice((0, 1, 1, 1, 300, 70000)) if step % 50 == 0 else 1
        if choice < 0.5:
            payload = bytes([random.getrandbits(8) for _ in range(random.randrange(0, 50))])
            topic = "t%d" % random.randrange(70)
            live[box.put(topic, payload, 1 | (8 if random.random() < 0.1 else 0), 0)] = (topic, payload, device.clock.t)
        elif choice < 0.8:
            if len(box.seqs) < 16 and box.load():
                assert live[box.seq] == (box.topic, bytes(box.payload), box.t)
                box.take()
        elif choice < 0.97:
            if box.seqs:
                seq = random.choice(box.seqs)
                assert box.ack(box.pid_of(seq)) == seq
                del live[seq]
                box.commit()
        elif choice < 0.985:
            box.rewind()
        else:
            device.boot()
        for first, n, why in device.drops:
            assert why == "overflow"
            for seq in range(first, first + n):
                del live[seq]
        device.drops = []
        assert len(live) == device.box.waiting
    device.boot()
    assert sorted([m[0] for m in device.drain()]) == sorted(live)
