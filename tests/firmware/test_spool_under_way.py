# The second tier meets the connection (R16, R31): messages on their way when they go to flash are acknowledged there, sent again, never published twice.
from holdfast.afresh import afresh
from spool_rig import Node, files, mounted, under_way

CHIP = True
HEAP = "400k"  # an ESP32, a flash beside it, and the file itself, compiled on the interpreter
LIMIT_S = 3600


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


_SESSION = 38  # of the resume record: docs/rtc-format.md


# Three messages were released, then they went to flash behind others. Their fate where the session was kept, and where it was not; without and with a loss of power.
def test_what_was_released_in_another_session_is_published_again_from_flash():  # R16, R28
    for power in (False, True):
        for anew in (False, True):
            with mounted():
                node = Node()
                node.box.block.poke(_SESSION, "B", 9)
                node.publish(2)
                assert node.spool.spill() == 2
                node.publish(3, flags=2)
                for pid in under_way(node, 5)[2:]:
                    node.box.received(pid)
                node.box.rewind()
                assert node.spool.spill() == 3
                node.power_cut() if power else node.reset()
                box = node.box
                assert box.block.peek(_SESSION, "B")[0] == 9
                if anew:
                    box.block.poke(_SESSION, "B", 17)
                    afresh(box)
                    box.commit()
                released = []
                while box.load():
                    released.append(bool(box.released))
                    box.take()
                    box.ack(box.pid)
                assert released == [False, False] + [not anew] * 3, (power, anew, released)
