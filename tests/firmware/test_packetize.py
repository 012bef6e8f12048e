# What a serial line brings, cut into packets (R35).
from random import getrandbits, randrange, seed

from holdfast.packetize import Packets


class Cut:
    def __init__(self, length=0, delimiter=b"", idle_ms=20, longest=16):
        self.got = []
        self.room = 1000
        self.packets = Packets(length, delimiter, idle_ms, longest, self._take)

    def _take(self, packet):
        if len(self.got) == self.room:
            return False
        self.got.append(bytes(packet))

    def feed(self, data, now=0):
        return self.packets.feed(data, len(data), now)


def test_a_silence_ends_a_packet():
    cut = Cut()
    cut.feed(b"abc", 0)
    cut.feed(b"def", 10)
    assert cut.packets.left_ms(15) == 15
    cut.packets.look(29)
    assert cut.got == []
    cut.packets.look(30)
    assert cut.got == [b"abcdef"] and cut.packets.left_ms(31) is None


def test_the_longest_packet_ends_by_itself():
    cut = Cut()
    cut.feed(b"0123456789abcdefXY")
    assert cut.got == [b"0123456789abcdef"] and cut.packets.waiting == 2


def test_packets_of_a_length():
    cut = Cut(length=4, idle_ms=0)
    cut.feed(b"aaaabb")
    cut.feed(b"bbc")
    assert cut.got == [b"aaaa", b"bbbb"] and cut.packets.left_ms(10**6) is None


def test_of_a_length_what_is_cut_short_goes_after_a_silence_and_the_next_begins_anew():
    cut = Cut(length=4, idle_ms=50)
    cut.feed(b"aa", 0)
    cut.packets.look(50)
    cut.feed(b"bbbb", 60)
    assert cut.got == [b"aa", b"bbbb"]


def test_a_delimiter_ends_a_packet_wherever_the_pieces_are_cut():
    text = b"$GPGGA,1\r\n$GP\r,2\r\n\r\nrest"
    for n in range(1, 9):
        cut = Cut(delimiter=b"\r\n", idle_ms=0)
        for i in range(0, len(text), n):
            cut.feed(text[i : i + n])
        assert cut.got == [b"$GPGGA,1\r\n", b"$GP\r,2\r\n", b"\r\n"], n
        assert cut.packets.waiting == 4


def test_a_packet_that_is_not_taken_is_kept_and_nothing_behind_it_is_lost():  # back-pressure
    cut = Cut(length=4, idle_ms=0)
    cut.room = 1
    assert cut.feed(b"aaaabbbbcccc") == 8
    assert cut.packets.held and cut.feed(b"x") == 0 and cut.packets.left_ms(10**6) is None
    cut.room = 3
    cut.packets.retry()
    assert not cut.packets.held and cut.feed(b"cccc") == 4
    assert cut.got == [b"aaaa", b"bbbb", b"cccc"]


def test_no_byte_is_lost_or_added_whatever_the_rules():
    seed(35)
    for _ in range(200):
        delimiter = (b"", b"\n", b"ab", b"aab")[randrange(4)]
        cut = Cut(0 if delimiter else randrange(6), delimiter, randrange(1, 30), randrange(4, 20))
        now = 0
        sent = b""
        for _ in range(40):
            cut.room = len(cut.got) + randrange(4)
            data = bytes([97 + getrandbits(1) if getrandbits(2) else 10 for _ in range(randrange(9))])
            if cut.packets.held:
                cut.packets.retry()
            sent += data[: cut.feed(data, now)]
            now += randrange(20)
            cut.packets.look(now)
        cut.room = 1000
        if cut.packets.held:
            cut.packets.retry()
        cut.packets.look(now + 100)
        assert b"".join(cut.got) == sent
        assert not [p for p in cut.got if not p or len(p) > 20]
