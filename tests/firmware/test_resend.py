# R20: what a receiver misses is sent again while it is in memory, and named as gone when it is not.
import json
import random

from holdfast.resend import Resend
from stand_ins import Device


class Node:
    def __init__(self, **how):
        self.device = Device(**how)
        self.told = []
        self.boot()

    def boot(self):
        self.box = self.device.boot()
        self.box.resend = self.resend = Resend(self.box, lambda topic, payload: self.told.append((topic, json.loads(payload))))

    def publish(self, n, payload=b"message %d", gap=10):
        for _ in range(n):
            self.device.clock.t += gap
            self.box.put("sensor/%d" % (self.box.block.next_seq % 3), payload % self.box.block.next_seq, 1, 0)

    # All that would be sent, acknowledged at once: [(number, topic, payload, stamp)].
    def send(self):
        sent = []
        box = self.box
        while box.load():
            sent.append((box.seq, box.topic, bytes(box.payload), box.time()))
            box.take()
            assert box.ack(box.pid) == box.seq
            box.commit()
        return sent

    def ask(self, *ranges, epoch=1):
        self.told.clear()
        self.resend.request(json.dumps({"b": epoch, "r": ranges}).encode())
        return self.send()

    def gone(self):
        assert all([topic == "gone" for topic, _ in self.told])
        return [r for _, said in self.told for r in said["r"]]


def test_acknowledged_messages_go_out_again_as_they_were():
    node = Node()
    node.publish(20)
    sent = node.send()
    assert node.ask([3, 5], [20, 20]) == [sent[i] for i in (2, 3, 4, 19)] and not node.told
    assert node.ask([3, 5]) == sent[2:5]  # asked twice is as good


def test_also_after_a_reset_and_with_their_time():
    node = Node()
    for gap in (1, 300, 3, 70000, 2, 255, 256, 1):
        node.publish(2, gap=gap)
    sent = node.send()
    node.boot()
    again = node.ask([1, 16])
    # The first ones cannot be told: before the long gap nothing says when the log began.
    assert [m[3] for m in again[:6]] == ["-1"] * 6 and again[6:] == sent[6:], (again, sent)
    assert [m[:3] for m in again] == [m[:3] for m in sent]


def test_what_still_waits_is_left_alone_and_what_was_never_given_too():
    node = Node()
    node.publish(10)
    sent = node.send()
    node.publish(3)
    node.box.load()
    node.box.take()  # on its way
    node.resend.request(b'{"b":1,"r":[[9,500]]}')
    more = node.send()
    assert [m[0] for m in more] == [12, 13, 9, 10] and more[2:] == sent[8:] and not node.told
    node.box.ack(node.box.pid_of(11))


def test_overwritten_numbers_and_other_epochs_are_gone():
    node = Node(size=700)
    node.publish(20)
    node.send()
    node.publish(15)
    node.send()
    low = node.box.block.head_seq - len(node.resend._row()[0])
    assert 5 < low < 20
    assert [m[0] for m in node.ask([2, low + 1])] == [low, low + 1] and node.gone() == [[2, low - 1]]
    assert node.ask([1, 3], epoch=7) == [] and node.gone() == [[1, 3]]


def test_what_is_overwritten_while_it_waits_for_its_turn_is_gone():
    node = Node(size=700)
    node.publish(20)
    node.send()
    low = node.box.block.head_seq - len(node.resend._row()[0])
    node.resend.request(json.dumps({"b": 1, "r": [[low, 20]]}).encode())
    node.publish(12)
    again = [m[0] for m in node.send() if m[0] <= 20]
    assert again and again[-1] == 20 and again[0] > low
    assert node.gone() == [[n, n] for n in range(low, again[0])]


def test_a_new_connection_begins_again_with_what_was_on_its_way():
    node = Node()
    node.publish(5)
    node.send()
    node.resend.request(b'{"b":1,"r":[[2,4]]}')
    box = node.box
    assert box.load()
    box.take()
    assert box.seqs == [-box.pid]
    box.rewind()
    assert [m[0] for m in node.send()] == [2, 3, 4] and not box.seqs


def test_damage_among_the_old_records_makes_them_gone_never_wrong():
    random.seed(5)
    for _ in range(60):
        node = Node(size=700)
        node.publish(random.randrange(5, 60))
        sent = {m[0]: m for m in node.send()}
        area = node.box.block.area
        for _ in range(random.randrange(1, 4)):
            area[random.randrange(len(area))] ^= 1 << random.randrange(8)
        top = max(sent)
        again = node.ask([1, top])
        for m in again:
            assert m[:3] == sent[m[0]][:3] and m[3] in ("-1", sent[m[0]][3])
        gone = [n for first, last in node.gone() for n in range(first, last + 1)]
        assert sorted(gone + [m[0] for m in again]) == list(range(1, top + 1))


def test_random_histories_against_a_simple_list():
    random.seed(6)
    node = Node(size=700)
    sent = {}
    for _ in range(150):
        node.publish(random.randrange(1, 8), gap=random.choice((1, 10, 400, 90000)))
        for m in node.send():
            sent[m[0]] = m
            sent.pop(m[0] - 100, None)
        if random.random() < 0.2:
            node.boot()
        top = node.box.block.next_seq - 1
        first = max(1, top - random.randrange(60))
        for m in node.ask([first, top + 5]):
            assert m[:3] == sent[m[0]][:3] and m[3] in ("-1", sent[m[0]][3]), (m, sent[m[0]])
        if first > top - 15:
            assert not node.told, (first, top, node.told)


def test_what_is_no_request_is_refused():
    node = Node()
    node.publish(1)
    for text in (b"", b"[]", b"{}", b'{"b":1}', b'{"b":1,"r":1}', b'{"b":1,"r":[[1]]}', b'{"b":1,"r":[["a","b"]]}', b"\xff"):
        try:
            node.resend.request(text)
            assert False, text
        except (ValueError, KeyError, TypeError):
            pass
