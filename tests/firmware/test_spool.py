# The second tier (R30, R31): messages that went to flash outlive a power cut at any moment, are sent oldest first, and cost no more
# flash and erases than allowed.
import gc
import os
import random
import time

from holdfast.spool import Spool
from stand_ins import Device
from test_tears import torn_note
import disk

CHIP = True
HEAP = "400k"  # an ESP32 with one life, a second life on a second flash beside it, and the book kept about both
LIMIT_S = 3600



class Node:
    # The device's half that a power cut leaves, and its lives.
    def __init__(self, folder="/flash/spool", room_kb=64, erases=5000, device=None, **how):
        self.folder = folder
        self.room_kb = room_kb
        self.erases = erases
        self.device = device or Device(**how)
        self.attach()

    def attach(self):
        self.box = box = self.device.box
        box.spool = self.spool = Spool(box, self.device.store, self.room_kb, self.erases, self.folder)
        box.spill = self.spool.spill
        box.commit()

    def reset(self):
        self.device.boot()
        self.attach()

    def power_cut(self):
        self.device.rtc.data = b""
        self.reset()

    def publish(self, n, topic="t", size=20, flags=1, ttl_s=0):
        sent = []
        for _ in range(n):
            self.device.clock.t += 10
            seq = self.box.put(topic, b"%0*d" % (size, self.box.block.next_seq), flags, ttl_s)
            if seq:
                sent.append((self.box.block.epoch, seq))
        return sent

    # What would be sent now, in order, each acknowledged before the next: [(epoch, number)].
    def drain(self, most=100000):
        sent = []
        box = self.box
        while len(sent) < most and box.load():
            assert bytes(box.payload) == b"%0*d" % (len(box.payload), box.seq), (box.seq, bytes(box.payload))
            sent.append((box.epoch, box.seq))
            box.take()
            if box.flags & 3:
                box.ack(box.pid)
            else:
                box.written()
            box.commit()
        return sent


class mounted:
    def __init__(self, blocks=disk.BLOCKS, fat=False):
        self.blocks = blocks
        self.fat = fat

    def __enter__(self):
        self.image = disk.Image("/tmp/holdfast-disk-%d-%d" % (time.time_ns(), random.getrandbits(30)), self.blocks)  # another process draws the same numbers
        self.device = disk.mount(self.image, "/flash", self.blocks, True, self.fat)
        return self

    def __exit__(self, *_):
        os.umount("/flash")
        self.device.free()
        self.image.close()


def files():
    return sorted([e[0] for e in os.ilistdir("/flash/spool")])


def test_what_went_to_flash_outlives_a_power_cut_and_comes_first():  # R31
    with mounted():
        node = Node()
        first = node.publish(30)
        assert node.spool.spill() == 30 and node.box.waiting == 0 and node.spool.waiting == 30
        second = node.publish(5)
        node.power_cut()
        assert node.spool.waiting == 30
        third = node.publish(3)
        assert node.drain() == first + third and second
        assert node.spool.waiting == 0 and files() == []


def test_a_reset_keeps_the_place_and_nothing_is_sent_twice():
    with mounted():
        node = Node()
        sent = node.publish(30)
        node.spool.spill()
        sent += node.publish(10)
        got = node.drain(12)
        node.reset()
        assert node.spool.waiting == 18 and node.box.waiting == 10
        assert got + node.drain() == sent


def test_the_ring_overflows_into_flash_and_nothing_is_dropped():
    with mounted():
        node = Node(size=1024)
        sent = node.publish(200)
        assert not node.device.drops and len(files()) > 3
        assert node.spool.waiting + node.box.waiting == 200
        node.reset()
        assert node.spool.waiting + node.box.waiting == 200
        assert node.drain() == sent


def test_several_segments_and_epochs_come_in_order():
    with mounted():
        node = Node()
        sent = []
        for _ in range(4):
            for _ in range(2):
                sent += node.publish(9)
                assert node.spool.spill() == 9
            node.power_cut()
        assert len({epoch for epoch, _ in sent}) == 4
        assert node.spool.waiting == 72 and node.drain() == sent


def test_a_window_is_kept_on_its_way_and_acknowledged_in_any_order():
    with mounted():
        node = Node()
        node.publish(40)
        node.spool.spill()
        box = node.box
        while len(box.seqs) < 16 and box.load():
            box.take()
        assert len(box.seqs) == 16
        for seq in (4, 1, 16, 8):
            assert box.ack(box.pid_of(seq)) == seq
        assert box.ack(box.pid_of(4)) == 0
        box.load() and box.take()
        assert not box.load()  # what a reset would send again stays within the window
        box.ack(box.pid_of(2))
        box.commit()
        box.rewind()
        assert [s for _, s in node.drain()] == [s for s in range(1, 41) if s not in (1, 2, 4, 8, 16)]


# n messages of the ring or the spool are on their way from now on: their packet ids.
def under_way(node, n):
    pids = []
    while len(pids) < n and node.box.load():
        pids.append(node.box.pid)
        node.box.take()
    return pids


def test_what_is_on_its_way_goes_to_flash_too_and_is_acknowledged_there():  # R31
    for already in (0, 20, 40):  # 20: it goes on at the front of the area
        with mounted():
            node = Node(size=1024)
            node.publish(already)
            node.drain(already)
            sent = node.publish(16)
            pids = under_way(node, 16)
            assert len(pids) == 16
            node.box.ack(pids.pop(3))
            node.box.commit()
            sent += node.publish(100)
            assert not node.device.drops and len(files()) > 1 and node.box.waiting + node.spool.waiting == 115
            for pid in reversed(pids[4:]):
                assert node.box.ack(pid)
            node.box.commit()
            assert not node.box.ack(pids[-1])  # once only
            for pid in pids[:4]:
                assert node.box.ack(pid)
            assert node.drain() == sent[16:] and not node.box.seqs and not node.device.drops


def test_a_connection_that_ends_sends_again_what_was_on_its_way_when_it_went_to_flash():
    for reset in (False, True):
        with mounted():
            node = Node(size=1024)
            node.publish(26)
            node.drain(26)
            sent = node.publish(20)  # these go on at the front of the area
            pids = under_way(node, 10)
            assert node.spool.spill() == 20
            node.box.ack(pids[9])
            node.box.ack(pids[0])
            node.box.commit()
            if reset:
                node.reset()
            else:
                node.box.rewind()
                del sent[9]
            assert node.box.load() and node.box.dup and node.box.pid == pids[1]
            assert node.drain() == sent[1:]  # a reset remembers how far it got, not what was beyond


def test_qos_2_on_its_way_into_flash_is_never_published_twice():  # R16
    for reset in (False, True):
        with mounted():
            node = Node()
            node.publish(3, flags=2)
            first, second, third = under_way(node, 3)
            node.box.received(first)
            assert node.spool.spill() == 3
            node.box.received(second)
            if reset:
                node.reset()
            else:
                node.box.rewind()
            seen = []
            while node.box.load():
                seen.append((node.box.pid, bool(node.box.released)))
                node.box.take()
                node.box.ack(node.box.pid)
            assert seen == [(first, True), (second, True), (third, False)]


def test_a_backlog_that_drains_leaves_room_for_what_is_sampled_meanwhile():  # R31
    with mounted():
        node = Node(size=1024)
        sent = node.publish(30)
        node.spool.spill()
        pids = under_way(node, 16)
        sent += node.publish(200)
        assert not node.device.drops and node.box.seqs == [-pid for pid in pids]
        for pid in pids:
            node.box.ack(pid)
        assert node.drain() == sent[16:]


def test_an_urgent_message_on_its_way_before_a_backlog_arrives_twice_rather_than_never():
    with mounted():
        node = Node(size=1024)
        sent = node.publish(30)
        node.spool.spill()
        sent += node.publish(1, flags=9)
        assert node.box.load() and node.box.seq == 31
        pid = node.box.pid
        node.box.take()
        sent += node.publish(100)
        assert not node.device.drops
        assert not node.box.ack(pid) and node.drain() == sent


def test_qos_2_that_could_be_published_twice_stays_where_it_is():  # R16
    with mounted():
        node = Node()
        node.publish(20, flags=2)
        pids = under_way(node, 20)
        assert node.spool.spill() == 0  # more than the note of progress has room for
        for pid in pids[:4]:
            node.box.ack(pid)
        assert node.spool.spill() == 16
        node.publish(1, flags=10)
        assert node.box.load() and node.box.seq == 21
        node.box.take()
        assert node.spool.spill() == 0  # it would wait behind the segment that is being sent
        node.box.ack(node.box.pid_of(21))
        node.publish(1)
        assert node.spool.spill() == 1


def test_a_segment_under_way_is_not_given_up_for_room():
    with mounted():
        node = Node(size=1024, room_kb=8)
        sent = node.publish(80)
        pids = under_way(node, 5)
        assert len(pids) == 5 and node.box.seqs[0] < 0
        sent += node.publish(60)
        given_up = [(1, first + i) for first, n, _ in node.device.drops for i in range(n)]
        assert given_up and sent[0] not in given_up
        for pid in pids:
            assert node.box.ack(pid)
        assert node.drain() == [message for message in sent[5:] if message not in given_up]


def test_qos_0_is_done_when_written_and_qos_2_is_never_published_twice():  # R16
    with mounted():
        node = Node()
        node.publish(3, flags=0)
        node.publish(3, flags=2)
        node.spool.spill()
        box = node.box
        while box.load():
            box.take()
        box.written()
        assert node.spool.waiting == 3
        for seq in (4, 6):
            box.received(box.pid_of(seq))
        box.ack(box.pid_of(6))
        box.commit()
        node.reset()
        seen = []
        box = node.box
        while box.load():
            seen.append((box.seq, bool(box.released)))
            box.take()
        # Number 6 is done: at worst PUBREL goes out once more, never the message.
        assert seen == [(4, True), (5, False), (6, True)], seen


def test_messages_that_were_sent_before_they_went_to_flash_are_marked_as_sent():
    with mounted():
        node = Node()
        node.publish(5)
        for _ in range(2):
            node.box.load()
            node.box.take()
        node.box.rewind()
        assert node.spool.spill() == 5
        dups = []
        while node.box.load():
            dups.append(bool(node.box.dup))
            node.box.take()
        assert dups == [True, True, False, False, False]


def test_no_more_flash_than_allowed_and_the_oldest_segment_is_given_up_and_reported():
    with mounted():
        node = Node(room_kb=16)
        sent = []
        for _ in range(7):
            sent += node.publish(10)
            assert node.spool.spill() == 10
        assert len(files()) == 4
        assert node.device.drops == [(1, 10, "overflow"), (11, 10, "overflow"), (21, 10, "overflow")]
        assert node.spool.waiting == 40 and node.drain() == sent[30:]


def test_moving_to_flash_before_its_time_gives_nothing_up():
    with mounted():
        node = Node(room_kb=16)
        sent = []
        while True:
            sent += node.publish(1)
            if not node.spool.spill(False):
                break
        assert len(files()) == 4 and node.box.waiting == 1 and not node.device.drops
        sent += node.publish(30)  # RTC memory has room
        assert node.drain() == sent and not node.device.drops


def test_a_class_that_drops_the_newest_is_not_given_up_for_others():
    with mounted():
        node = Node(room_kb=8, size=700)
        kept = node.publish(5, flags=1 | 16)
        node.spool.spill()
        kept += node.publish(5)
        node.spool.spill()
        n = 0
        while not node.device.drops:
            n += 1
            kept += node.publish(1)
        assert node.device.drops == [(11, 1, "overflow")]  # the ring's oldest: in flash, the first segment holds what may not go
        assert node.drain() == kept[:10] + kept[11:]


def test_a_full_disk_leaves_it_to_the_overflow_policy():
    with mounted(10):
        node = Node(size=1024, room_kb=4000)
        try:
            with open("/flash/ballast", "wb") as f:
                for _ in range(100):
                    f.write(bytes(1024))
        except OSError:
            pass
        node.publish(300)
        assert node.device.drops and not [f for f in files() if f == "new"]
        os.remove("/flash/ballast")
        assert len(node.drain()) + sum([n for _, n, _ in node.device.drops]) == 300


def test_the_days_erases_are_a_budget_that_outlives_power_cuts():
    with mounted():
        node = Node(erases=9)
        for _ in range(3):
            node.publish(3)
            assert node.spool.spill() == 3
        node.publish(3)
        assert node.spool.spill() == 0  # three erases a segment
        node.power_cut()
        node.publish(3)
        assert node.spool.spill() == 0
        node.device.clock.t += 864000 // 3
        assert node.spool.spill() == 3
        assert node.spool.wear.erases == 12


def test_a_segment_costs_no_more_erases_than_are_counted():
    with mounted() as flash:
        node = Node(room_kb=160)
        for _ in range(2):
            before = flash.device.flash.erases
            counted = node.spool.wear.erases
            for _ in range(30):
                node.publish(60)
                assert node.spool.spill() == 60
            while node.drain(50):
                pass
            cost = flash.device.flash.erases - before
            assert cost <= node.spool.wear.erases - counted, (cost, node.spool.wear.erases - counted)


def test_damage_in_a_segment_costs_what_it_hit_and_is_reported():
    random.seed(8)
    with mounted():
        for _ in range(40):
            node = Node()
            sent = node.publish(20)
            node.spool.spill()
            name = "/flash/spool/" + files()[0]
            with open(name, "rb") as f:
                data = bytearray(f.read())
            at = random.randrange(len(data))
            data[at] ^= 1 << random.randrange(8)
            with open(name, "wb") as f:
                f.write(data[: random.choice((len(data), len(data), random.randrange(len(data))))])
            node.power_cut()
            got = node.drain()
            assert len(got) < 20 and node.device.drops or got == sent, (got, node.device.drops)
            assert [m for m in sent if m in got] == got


def test_garbage_in_the_folder_is_cleared_away():
    with mounted():
        node = Node()
        node.publish(3)
        node.spool.spill()
        for name, content in (("new", b"half a segment"), ("readme.txt", b"x"), ("00000009", b""), ("0000000a", b"\xc1" * 39)):
            with open("/flash/spool/" + name, "wb") as f:
                f.write(content)
        node.power_cut()
        assert len(node.drain()) == 3 and files() == []


def test_a_number_that_no_message_got_is_no_obstacle():
    with mounted():
        node = Node()
        node.publish(2)
        node.device.rtc.data = torn_note(node.device)
        node.reset()
        assert node.device.drops == [(3, 1, "unreadable")] and node.box.waiting == 1
        node.drain()
        node.publish(2)
        assert node.spool.spill() == 2 and node.box.waiting == 0
        assert [s for _, s in node.drain()] == [4, 5]


def test_messages_expire_in_flash_too():
    with mounted():
        node = Node()
        node.publish(5, ttl_s=60)
        node.publish(5)
        node.spool.spill()
        node.device.clock.t += 700
        assert [s for _, s in node.drain()] == [6, 7, 8, 9, 10]
        assert [d for d in node.device.drops if d[2] == "expired"] == [(i, 1, "expired") for i in range(1, 6)]


def test_more_topics_than_the_table_holds_travel_through_flash():
    with mounted():
        node = Node(size=4096)
        for i in range(80):
            node.publish(1, topic="sensor/number/%d" % i, size=8)
        node.spool.spill()
        node.device.store.blob = b""  # even the table is gone
        node.power_cut()
        box = node.box
        seen = []
        while box.load():
            seen.append(box.topic)
            box.take()
            box.ack(box.pid)
        assert seen == ["sensor/number/%d" % i for i in range(80)]


# ---- a power cut, or a reset, at every write of a block


# A life of random operations; at each write to flash a second life is begun on what a cut there leaves.
class Recorded:
    def __init__(self, seed, flash, sample):
        random.seed(seed)
        self.flash = flash
        self.sample = sample
        self.checks = self.operations = 0
        self.live = {}  # (epoch, number) -> (topic, payload): accepted, not acknowledged
        self.safe = {}  # of these: in flash
        self.gone = {}
        self.order = []
        self.node = Node(size=1024, room_kb=64, erases=1000000)
        flash.image.on_write = self.look

    def look(self, offset, buf):
        if random.random() >= self.sample:
            return
        state = random.getrandbits(30)
        gc.collect()
        for n in (0, random.randrange(1, len(buf))) if len(buf) > 1 and not self.flash.fat else (0,):
            for power in (True, False):
                self.check(disk.Overlay(self.flash.image, offset, buf[:n]), power)
        random.seed(state)

    def check(self, image, power):
        self.checks += 1
        device = self.node.device
        worn, epochs = device.store.worn, device.store.epochs
        second = disk.mount(image, "/cut", fat=self.flash.fat)
        try:
            other = Node("/cut/spool", 64, 1000000, device.revived(b"" if power else device.rtc.data))
            box = other.box
            found = {}
            while box.load():
                message = (box.epoch, box.seq)
                found[message] = True
                known = self.live.get(message) or self.gone.get(message)
                assert known == (box.topic, bytes(box.payload)), message
                box.take()
                box.ack(box.pid) if box.flags & 3 else box.written()
            for message in self.safe if power else self.live:
                assert message in found, (message, power)
            assert not other.device.drops, other.device.drops
            assert box.put("after", b"x", 1, 0)
        finally:
            os.umount("/cut")
            second.free()
            image.close()
            device.store.worn, device.store.epochs = worn, epochs

    def settle(self, message):
        if message not in self.live:
            assert message in self.gone, message  # a power cut takes the note of how far a segment was done: once more
            return
        self.gone[message] = self.live.pop(message)
        self.safe.pop(message, None)
        self.order.append(message)
        if len(self.order) > 250:  # more than a segment holds
            self.gone.pop(self.order.pop(0))

    def run(self, operations):
        node = self.node
        while self.operations < operations:
            self.operations += 1
            box = node.box
            node.device.clock.t += random.choice((1, 10, 300))
            what = random.random()
            if what < 0.55:
                self.publish(box)
            elif what < 0.65:
                self.to_flash(box)
            elif what < 0.96:
                self.send(box)
            elif what < 0.985:
                node.reset()
            else:
                for message in list(self.live):
                    if message not in self.safe:
                        self.settle(message)
                node.power_cut()
        return self

    def publish(self, box):
        message = ("t%d" % random.randrange(4), bytes([random.getrandbits(8) for _ in range(random.randrange(40))]))
        before = box.waiting
        box.spill = lambda: self.to_flash(box)
        seq = box.put(message[0], message[1], random.choice((0, 1, 1, 2)), 0)
        self.live[box.block.epoch, seq] = message

    def to_flash(self, box):
        n = self.node.spool.spill()
        if n:
            for message in self.live:
                self.safe[message] = True
        return n

    def send(self, box):
        for _ in range(random.randrange(1, 12)):
            if len(box.seqs) >= 16 or not box.load():
                break
            message = (box.epoch, box.seq)
            box.take()
            if not box.flags & 3:
                self.settle(message)
                box.written()
            elif random.random() < 0.8:
                self.settle(message)
                box.ack(box.pid)
            box.commit()
        if random.random() < 0.5:
            box.rewind()


def test_a_cut_at_a_write_to_flash_loses_nothing_that_was_there():  # R31
    with mounted() as flash:
        done = Recorded(1, flash, 0.4).run(100)
        assert done.checks > 40, done.checks


def test_the_same_between_two_writes_to_a_fat():
    with mounted(fat=True) as flash:
        done = Recorded(4, flash, 0.7).run(150)
        assert done.checks > 40, done.checks


def test_on_fat_a_segment_costs_no_more_than_is_counted_either():
    with mounted(fat=True) as flash:
        node = Node(room_kb=160)
        before = flash.device.writes
        for _ in range(8):
            node.publish(60)
            assert node.spool.spill() == 60
        while node.drain(50):
            pass
        assert flash.device.writes - before <= node.spool.wear.erases, (flash.device.writes - before, node.spool.wear.erases)


def soak(seed, fat=False):
    for seed in (seed, seed + 1):
        with mounted(fat=fat) as flash:
            done = Recorded(seed, flash, 1).run(1500)
            print("seed %d: %d operations, %d writes to flash, %d lives after a cut" % (seed, done.operations, flash.image.writes, done.checks))
            assert done.checks > 900


def test_soak_a_cut_at_every_write_to_littlefs():
    soak(2)


def test_soak_a_cut_at_every_write_to_fat():
    soak(4, True)
