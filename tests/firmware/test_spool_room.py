# What the second tier may cost (R30, R31): room on the flash, erases a day; what is given up when there is none left, and that it is reported.
import os

from spool_rig import Node, files, mounted, under_way

CHIP = True
HEAP = "400k"  # an ESP32, a flash beside it, and the file itself, compiled on the interpreter
LIMIT_S = 3600


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
