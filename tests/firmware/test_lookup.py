# Looking a name up (R27): what is asked, what is believed, and that no packet whatsoever does harm.
import sys
from random import getrandbits, seed

import holdfast.transport
import holdfast.lookup

lookup = sys.modules["holdfast.lookup"]
question = lookup.question
answers = lookup.answers
ASKED = question("broker.example.org", 0x1234, False)
LOCAL = question("broker.local", 0x1234, True)
HERE = b"\xc0\x0c"  # the name that was asked for


def record(address, owner=HERE, kind=1, cls=1):
    data = bytes([int(n) for n in address.split(".")]) if isinstance(address, str) else address
    return owner + bytes((0, kind, cls >> 8, cls & 255)) + b"\0\0\0\x3c" + bytes((len(data) >> 8, len(data) & 255)) + data


def packet(*records, asked=ASKED, flags=0x8180, count=None, number=None):
    count = len(records) if count is None else count
    return (number or bytes(asked[:2])) + bytes((flags >> 8, flags & 255)) + b"\0\1" + bytes((count >> 8, count & 255)) + b"\0\0\0\0" + bytes(asked[12:]) + b"".join(records)


def test_a_question():
    assert bytes(ASKED) == b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\6broker\7example\3org\0\0\1\0\1"
    assert bytes(LOCAL) == b"\x12\x34\0\0\0\1\0\0\0\0\0\0\6broker\5local\0\0\1\x80\1", "no recursion, and an answer to us alone"
    assert question("a.b.", 1, False) == question("a.b", 1, False)
    for bad in ("", ".", "a..b", ".a", "x" * 64 + ".org", ".".join(["x" * 60] * 5)):
        try:
            assert not question(bad, 1, False), bad
        except ValueError:
            pass


def test_all_addresses_in_their_order():
    assert answers(packet(record("10.0.0.1"), record("10.0.0.2"), record("10.0.0.1")), ASKED) == ["10.0.0.1", "10.0.0.2"]
    assert len(answers(packet(*[record("10.0.0.%d" % n) for n in range(1, 21)]), ASKED)) == 8
    assert answers(packet(record("10.0.0.7", cls=0x8001), asked=LOCAL, flags=0x8400), LOCAL) == ["10.0.0.7"]
    bare = b"\x12\x34\x84\0\0\0\0\1\0\0\0\0" + record("10.0.0.7", b"\6broker\5LOCAL\0")
    assert answers(bare, LOCAL) == ["10.0.0.7"] and answers(b"\x12\x34\x84\0\0\0\0\1\0\0\0\0" + record("10.0.0.7", b"\6another\5local\0"), LOCAL) is None


def test_a_name_that_stands_for_another():
    alias = record(b"\3b-1\xc0\x13", kind=5)  # b-1.example.org
    at = 12 + 20 + 4 + 12  # of its data
    pointer = bytes((0xC0, at))
    assert answers(packet(alias, record("10.0.0.9", pointer)), ASKED) == ["10.0.0.9"]
    assert answers(packet(record("10.0.0.9", pointer)), ASKED) is None, "a pointer forward"
    assert answers(packet(alias, record("10.0.0.9")), ASKED) == [], "the address of the alias is that of the other name"
    round = record(b"\xc0\x0c", kind=5)
    assert answers(packet(round, record("10.0.0.9")), ASKED) == ["10.0.0.9"], "a name that stands for itself costs nothing"


def test_what_is_no_answer_to_it_is_passed_over():
    good = record("10.0.0.1")
    for bad in (packet(good, number=b"\x12\x35"), packet(good, flags=0x0180), packet(good, flags=0x9180), packet(good, asked=question("other.example.org", 0x1234, False)),
                packet(good)[:-1], packet(good, count=2), b"", b"\x12\x34", bytes(ASKED), packet(record("10.0.0.1", b"\xc0\xff")), packet(record("10.0.0.1", b"\x80"))):
        assert answers(bad, ASKED) is None, bad
    circle = packet(record("10.0.0.1", bytes((0xC0, 12 + 20 + 4))))
    assert answers(circle, ASKED) is None, "a pointer to itself"
    assert answers(packet(record("10.0.0.1", b"\3abc")[:16]), ASKED) is None


def test_what_the_server_cannot_tell_and_what_there_is_not():
    assert answers(packet(flags=0x8183), ASKED) == [] and answers(packet(), ASKED) == []
    assert answers(packet(flags=0x8182), ASKED) is False and answers(packet(flags=0x8185), ASKED) is False
    assert answers(packet(record("10.0.0.1"), flags=0x8380), ASKED) is False, "truncated"
    assert answers(packet(asked=LOCAL, flags=0x8400), LOCAL) is None, "another neighbour may know"


def test_addresses_of_nobody_are_not_believed():
    for bad in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.1.2.3"):
        assert answers(packet(record(bad)), ASKED) == [], bad
        assert answers(packet(record(bad), record("10.0.0.1")), ASKED) == ["10.0.0.1"]
    assert answers(packet(record(b"\x0a\0\0"), record(b"\x0a\0\0\1\2")), ASKED) == [], "not four bytes"


def test_any_packet_whatever():
    seed(5)
    good = packet(record(b"\3b-1\xc0\x13", kind=5), record("10.0.0.9", b"\xc0\x30"), record("10.0.0.1"))
    for _ in range(4000):
        data = bytearray(good)
        for _ in range(1 + getrandbits(2)):
            data[getrandbits(8) % len(data)] = getrandbits(8)
        if not getrandbits(2):
            data = data[: getrandbits(8) % (len(data) + 1)]
        found = answers(bytes(data), ASKED)
        assert found is None or found is False or len(found) <= 8
    for _ in range(2000):
        data = bytes(ASKED[:2]) + bytes([getrandbits(8) for _ in range(getrandbits(6))])
        answers(data, ASKED)


def test_as_deep_as_it_goes():  # pointers, each to the one before: the longest chain that a packet has room for
    names = bytearray(b"\1a\0")
    base = 12 + 20 + 4
    chain = b"\1a\0" + b"".join([b"\1b" + bytes((0xC0 | (base + 10 + at) >> 8, (base + 10 + at) & 255)) for at in [0] + [3 + 4 * i for i in range(100)]])
    data = packet(record(chain, b"\0", kind=16), record("10.0.0.1", bytes((0xC0 | (base + 11 + 3 + 4 * 90) >> 8, (base + 11 + 3 + 4 * 90) & 255))))
    assert answers(data, ASKED) == [] or answers(data, ASKED) is None
