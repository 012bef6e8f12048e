"""The ledger over arbitrary arrivals (R20, R28): gaps and counts against a model that simply remembers the set of what came."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast_bench.monitor.ledger import ASKED, FILLED, GAPS_MAX, GONE, PARTLY, STREAMS_MAX, UNANSWERED, Ledger
from holdfast_bench.monitor.ranges import Ranges
from holdfast_bench.monitor.resend import PAUSE_MAX_MS, TRIES, Resend

small = st.integers(1, 60)
span = st.tuples(small, small).map(sorted)


@given(st.lists(st.tuples(st.booleans(), span)))
def test_ranges_are_a_set_of_numbers(steps):
    ranges, model = Ranges(), set()
    for adding, (first, last) in steps:
        numbers = set(range(first, last + 1))
        if adding:
            ranges.add(first, last)
            model |= numbers
        else:
            assert ranges.remove(first, last) == len(model & numbers)
            model -= numbers
        assert {n for f, l in ranges for n in range(f, l + 1)} == model == {n for n in range(70) if n in ranges}
        assert ranges.count == len(model)
        pairs = list(ranges)
        assert all(a[1] + 1 < b[0] for a, b in zip(pairs, pairs[1:])), "ranges that touch are one"
        assert list(Ranges.parse(ranges.text())) == pairs


class Database:
    """Knows what is new, as the real one does."""

    def __init__(self):
        self.seen, self.ledger = set(), Ledger()

    def arrive(self, epoch, seq, now_ms=0):
        if (epoch, seq) in self.seen:
            return self.ledger.duplicate("d", epoch)
        self.seen.add((epoch, seq))
        return self.ledger.note("d", epoch, seq, now_ms)


def missing_of(stream):
    return {n for gap in stream.gaps.values() for f, l in gap.missing for n in range(f, l + 1)}


@given(st.lists(st.tuples(st.integers(3, 6), small), min_size=1))
def test_any_order_any_duplication_any_loss(arrivals):  # R20, R28
    db = Database()
    for epoch, seq in arrivals:
        db.arrive(epoch, seq)
    first_epoch = arrivals[0][0]
    for epoch, stream in db.ledger.streams("d").items():
        seen = {s for e, s in arrivals if e == epoch}
        begin = 1 if epoch > first_epoch else min(seen)
        assert missing_of(stream) == set(range(begin, max(seen))) - seen
        assert stream.received == len(seen)
        assert stream.duplicates == sum(e == epoch for e, _ in arrivals) - len(seen)
        assert all(gap.closed_ms is None and len(gap.missing) for gap in stream.gaps.values())
    assert db.ledger.missing == sum(len(missing_of(s)) for s in db.ledger.streams("d").values())
    assert set(db.ledger.streams("d")) == {e for e, _ in arrivals}


@given(st.permutations(range(1, 30)), st.sets(st.integers(1, 29)), st.lists(span))
def test_every_missing_number_ends_as_recovered_or_gone(order, never, gone):
    """Everything but `never` arrives in some order; the node says of some ranges that they are gone, at any time."""
    db = Database()
    db.ledger.note("d", 0, 1, 0)    # an epoch before, so that this one begins at 1
    for at, seq in enumerate(order):
        if seq not in never:
            db.arrive(1, seq)
        if at < len(gone):
            db.ledger.gone("d", 1, *gone[at], 0)
    stream = db.ledger.streams("d").get(1)
    if stream is None:
        return
    assert missing_of(stream) <= set(never)
    for gap in (g for g in db.ledger.gaps_changed.values() if g.epoch == 1):
        assert gap.recovered + gap.gone + gap.missing.count == gap.last - gap.first + 1
        if gap.closed_ms is not None:
            assert gap.state == (FILLED if not gap.gone else GONE if not gap.recovered else PARTLY)


def test_a_new_epoch_of_a_known_node_begins_at_one():
    ledger = Ledger()
    assert ledger.note("d", 4, 1000, 0) is None     # first met: nobody knows what was before
    gap = ledger.note("d", 5, 4, 7)
    assert (gap.first, gap.last, gap.opened_ms) == (1, 3, 7)


def test_hostile_numbers_take_bounded_memory():
    ledger = Ledger()
    for n in range(5 * GAPS_MAX):
        ledger.note("d", 1, 1 + 2 * n, n)
    assert len(ledger.streams("d")[1].gaps) == GAPS_MAX
    assert ledger.missing == GAPS_MAX
    for epoch in range(100):
        ledger.note("d", 1000 + epoch * 7, 5, 0)
    assert len(ledger.streams("d")) == STREAMS_MAX
    ledger.note("d", 1, 4, 0)
    assert 1 not in ledger.streams("d"), "an epoch long past is stored, but not watched"
    assert ledger.missing == sum(len(missing_of(s)) for s in ledger.streams("d").values()) == 4 * STREAMS_MAX


def planned(ledger, **kwargs):
    resend = Resend(ledger, grace_ms=2000, pause_ms=5000)
    for gap in ledger.open_gaps():
        resend.opened(gap, 0)
    return resend


def test_asked_after_a_grace_then_with_growing_pauses():
    ledger = Ledger()
    ledger.note("d", 1, 1, 0)
    gap = ledger.note("d", 1, 5, 0)
    resend = planned(ledger)
    at = [t for t in range(0, 8_000_000, 1000) if resend.due(t, lambda d: True, 10)]
    assert at[0] == 2000 and len(at) == TRIES
    pauses = [b - a for a, b in zip(at, at[1:])]
    assert pauses[:3] == [5000, 10000, 20000] and max(pauses) == PAUSE_MAX_MS and pauses == sorted(pauses)
    assert gap.state == UNANSWERED
    resend.back("d", 9_000_000)
    assert resend.due(9_002_000, lambda d: True, 10) == [("d", 1, [(2, 4)])] and gap.state == ASKED


def test_what_came_in_the_meantime_is_not_asked_for():
    ledger = Ledger()
    ledger.note("d", 1, 1, 0)
    ledger.note("d", 1, 6, 0)
    resend = planned(ledger)
    ledger.note("d", 1, 3, 100)
    assert resend.due(2000, lambda d: True, 10) == [("d", 1, [(2, 2), (4, 5)])]
    for seq in (2, 4, 5):
        ledger.note("d", 1, seq, 3000)
    assert resend.due(10**9, lambda d: True, 10) == []


def test_a_node_that_sleeps_is_asked_when_it_is_back():
    ledger = Ledger()
    ledger.note("d", 1, 1, 0)
    ledger.note("d", 1, 3, 0)
    resend = planned(ledger)
    assert resend.due(2000, lambda d: False, 10) == []
    assert resend.due(10**9, lambda d: True, 10) == []
    resend.back("d", 10**9)
    assert resend.due(10**9 + 2000, lambda d: True, 10) == [("d", 1, [(2, 2)])]


def test_requests_are_short_and_few_at_a_time():
    ledger = Ledger()
    for device in ("a", "b", "c"):
        for n in range(20):
            ledger.note(device, 1, 1 + 2 * n, 0)
    resend = planned(ledger)
    first = resend.due(2000, lambda d: True, 2)
    assert len(first) <= 2
    asked = {d: set() for d in "abc"}
    for t in range(2000, 60_000, 500):
        for device, epoch, ranges in resend.due(t, lambda d: True, 2):
            assert len(ranges) <= 8
            asked[device].update(ranges)
    assert all(len(r) == 19 for d, r in asked.items() if d != first[0][0])


def test_gone_is_never_asked_for_again():
    ledger = Ledger()
    ledger.note("d", 1, 1, 0)
    gap = ledger.note("d", 1, 9, 0)
    resend = planned(ledger)
    assert resend.due(2000, lambda d: True, 10)
    assert ledger.gone("d", 1, 1, 100, 2500) == 7
    assert gap.state == GONE and ledger.missing == 0 and ledger.lost == 7
    assert resend.due(10**9, lambda d: True, 10) == []
