# The second tier (R30, R31): messages that went to flash outlive resets and power cuts and are sent oldest first; damage costs what it hit.
import random

from spool_rig import Node, files, mounted
from test_tears import torn_note

CHIP = True
HEAP = "400k"  # an ESP32, a flash beside it, and the file itself, compiled on the interpreter
LIMIT_S = 3600


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
        assert node.device.drops == [(3, 1, "unreadable")] and node.box.waiting == 2
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


def test_damage_at_the_end_of_the_area_does_not_hide_what_lies_at_its_front():  # R31
    hidden = 0
    with mounted():
        for damaged in (1, 2, 3):
            for before in (5, 6, 7):
                node = Node(size=512)
                block = node.box.block
                node.publish(before)
                node.drain(before - 1)
                places = []
                while block.tail > block.head:
                    node.publish(1)
                    places.append(node.box.ring.at)
                node.publish(2)
                memory = bytearray(node.device.rtc.data)
                for at in places[-1 - damaged : -1]:
                    memory[at + 8] ^= 1
                node.device.rtc.data = bytes(memory)
                node.reset()
                waiting = node.box.waiting
                hidden += sum([n for _, n, _ in node.device.drops])
                node.spool.spill()
                node.power_cut()
                assert len(node.drain()) == waiting, (damaged, before, waiting)
    assert hidden == (1 + 2 + 3) * 3
