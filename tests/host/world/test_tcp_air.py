"""A stream over an air that loses, delays, doubles and reorders. Modelled TCP against what a real image and lwIP's source say (docs/simulation.md names the figures' sources)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast_bench.world import air as air_
from holdfast_bench.world.air import DOWN, UP, Blackhole, Delay, Duplicate, Forgotten, Loss, Reorder
from holdfast_bench.world.lwip import DEAD, ECONNABORTED, OPEN, SND_BUF
from holdfast_bench.world.rng import rng_for
from tcp_rig import World


def test_data_written_into_a_blackhole_of_127_s_arrives_64_s_after_it_ended(w):
    flow = w.open()
    hole = w.air.add(Blackhole())
    began = w.k.now_ms
    flow.write(b"x" * 100)
    w.run(126_700)
    w.air.remove(hole)
    at = w.until(lambda: w.app.got)
    # Retransmissions at 1.5, 4.5, 10.5, 22.5, 46.5, 94.5, 190.5 s, each up to half a second earlier.
    assert 190_000 <= at - began <= 190_600


def test_lwip_gives_a_dead_path_up_after_twelve_retransmissions(w):
    flow = w.open()
    w.air.add(Blackhole())
    began = w.k.now_ms
    flow.write(b"x")
    at = w.until(lambda: flow.state == DEAD, 3_600_000)
    assert flow.error == ECONNABORTED and 1_150_000 <= at - began <= 1_152_000


def test_pure_reader_never_notices_a_dead_path(w):
    flow = w.open()
    w.air.add(Blackhole())
    w.run(24 * 3600 * 1000)
    assert flow.state == OPEN


def test_host_gives_up_after_a_quarter_of_an_hour(w):
    w.open()
    w.air.add(Blackhole())
    w.app.peers[0].write(b"x")
    began = w.k.now_ms
    w.until(lambda: w.app.ends, 3_600_000)
    assert 900_000 <= w.app.ends[0][0] - began <= 1_100_000 and "timed out" in w.app.ends[0][1]


def test_one_way_loss_up_starves_the_host_and_down_only_acknowledgements(w):  # R44
    flow = w.open()
    w.air.add(Blackhole(DOWN))
    flow.write(b"a")
    w.run(100)
    assert w.app.got == b"a" and flow.bytes_out == 1
    w.air.rules.clear()
    w.air.add(Blackhole(UP))
    flow.write(b"b")
    w.run(20_000)
    assert w.app.got == b"a"


def test_short_loss_of_the_radio_is_bridged_by_retransmission(w):
    flow = w.open()
    w.wifi.through = False
    flow.write(b"x")
    w.run(1_000)
    w.wifi.through = True
    w.until(lambda: w.app.got, 600)
    assert flow.state == OPEN


def test_acknowledgement_lost_when_the_hole_opens_behind_the_data(w):
    flow = w.open()
    flow.write(b"x")
    w.run(1)
    hole = w.air.add(Blackhole())
    w.run(60_000)
    assert w.app.got == b"x" and flow.bytes_out == 1
    w.air.remove(hole)
    w.until(lambda: flow.room() == SND_BUF, 60_000)
    assert w.app.got == b"x"


def test_forgotten_flows_are_dead_and_new_ones_work(w):
    old = w.open()
    w.air.add(Forgotten(w.stack.flows))
    old.write(b"lost")
    new = w.open()
    new.write(b"new")
    w.run(30_000)
    assert w.app.got == b"new" and old.state == OPEN


def test_delay_and_jitter_keep_the_order(w):
    flow = w.open()
    w.air.add(Delay(rng_for(1, "air"), 300, jitter_ms=400))
    for i in range(50):
        flow.write(b"%02d" % i)
        w.run(7)
    w.run(20_000)
    assert w.app.got == b"".join(b"%02d" % i for i in range(50))


def test_correlated_loss_has_its_mean_and_longer_bursts():  # R44: 50 % with 25 % correlation
    frame = air_.Frame()

    def draw(correlation):
        rule = Loss(rng_for(3, "air"), 0.5, correlation)
        return [rule.on_frame(frame, 0) == air_.DROP for _ in range(20_000)]

    def changes(losses):
        return sum(a != b for a, b in zip(losses, losses[1:]))

    plain, bursty = draw(0.0), draw(0.25)
    assert 0.48 < sum(plain) / len(plain) < 0.52 and 0.48 < sum(bursty) / len(bursty) < 0.52
    assert changes(bursty) < 0.9 * changes(plain)


RULES = st.lists(st.tuples(st.sampled_from(["loss", "reorder", "duplicate", "delay"]), st.sampled_from([UP, DOWN, air_.BOTH]),
                           st.integers(1, 9)), max_size=3).filter(lambda rules: sum(n for kind, _, n in rules if kind == "loss") <= 9)   # 45 %: with more it takes hours


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), RULES, st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=8), st.booleans())
def test_stream_arrives_whole_and_in_order_whatever_the_air_does(seed, rules, pieces, nodelay):
    w = World(answer=bytes.upper)
    flow = w.open(nodelay)
    for i, (kind, direction, n) in enumerate(rules):
        rng = rng_for(seed, "%d" % i)
        w.air.add({"loss": lambda: Loss(rng, n / 20, 0.25, direction), "reorder": lambda: Reorder(rng, n / 10, 40, direction),
                   "duplicate": lambda: Duplicate(rng, n / 10, direction), "delay": lambda: Delay(rng, n * 10, n * 30, direction)}[kind]())
    wanted, got, pending = b"".join(pieces), b"", list(pieces)
    for _ in range(20_000):
        if pending:
            n = flow.write(pending[0])
            pending[0] = pending[0][n:]
            if not pending[0]:
                pending.pop(0)
        w.run(50)
        got += flow.read(500)
        if len(got) == len(wanted) or flow.state == DEAD:
            break
    if flow.state == DEAD:
        # Twelve tries can all be lost; then what came is still a beginning of it.
        assert wanted.startswith(w.app.got) and wanted.upper().startswith(got)
    else:
        assert w.app.got == wanted and got == wanted.upper()
        w.run(60_000 if rules else 1000)
        assert flow.bytes_out == 0 or rules
