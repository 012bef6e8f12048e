"""Two hundred seeds of ten minutes, in every run of the tests: each draws configuration, world and trouble, and no law may be broken. R44, R46"""

import json
from types import SimpleNamespace

import pytest
from holdfast_bench.campaign.trial import trial
from holdfast_bench.sim.inside.tally import QUIET_MS, Tally

SEEDS, AT_ONCE = 200, 10
HOURS = 0.17


def told(done):
    """What there is to know about a seed that is not good."""
    findings = ["    %s: %s" % (f["law"], f["text"]) for f in done.findings]
    return "\n".join(["seed %d is %s; holdfast replay --seed %d --hours %g tells its story" % (done.seed, done.verdict, done.seed, HOURS)] + findings)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_seeds_keep_every_law(first):
    trials = [trial(seed, HOURS) for seed in range(first, first + AT_ONCE)]
    assert all(done.virtual_ms >= HOURS * 3_600_000 for done in trials if done.verdict == "good")
    bad = [told(done) for done in trials if done.verdict != "good"]
    assert not bad, "\n" + "\n".join(bad)


def record(**fields):
    data = b"\x1e" + json.dumps(fields).encode() + b"\r\n"
    return data, data.find(b'"', data.find(b'"ev":') + 5) + 1


def test_drain_ends_when_the_report_of_a_drop_was_cut_off_by_a_reset():
    """The sum in the next boot event makes it good: what is told there is not waited for."""
    kernel = SimpleNamespace(now_ms=0)
    tally = Tally(kernel)
    for n in range(1, 5):
        tally.note(*record(ev="accept", n=n, i=n, life="a1", q=1))
    tally.note(*record(ev="boot", epoch=7, drops=0))
    tally.note(*record(ev="drop", i=1, n=3, why="overflow"))
    tally.note(*record(ev="boot", epoch=7, drops=4))
    tally.note(*record(ev="boot", epoch=7, drops=4))
    tally.note(*record(ev="state", old="dialing", new="online"))
    tally.cut()
    assert tally.missing() == 4
    kernel.now_ms += QUIET_MS
    assert tally.missing() == 0
    tally.note(*record(ev="boot", epoch=8, drops=0))        # another epoch counts from nothing
    assert tally.missing() == 4 and tally.first() == "a1:1"    # not online yet: nothing is known
