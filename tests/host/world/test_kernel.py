"""Time passes only in wait(), events run exactly when due, and a dead life stays dead."""

import pytest

from holdfast_bench.world.kernel import ChipReset, VirtualKernel, WallKernel, WorldError


def test_events_due_at_the_same_instant_run_in_the_order_they_were_made():
    k, seen = VirtualKernel(), []
    for name in "abc":
        k.after(5, seen.append, name)
    k.after(3, seen.append, "first")
    assert k.wait(5) is False
    assert seen == ["first", "a", "b", "c"] and k.now_ms == 5


def test_wait_jumps_exactly_to_the_event_that_makes_it_ready():
    k, flag = VirtualKernel(), []
    k.after(1234, flag.append, 1)
    k.after(1235, flag.append, 2)
    assert k.wait(99999, lambda: bool(flag)) is True
    assert k.now_ms == 1234 and flag == [1]


def test_an_event_can_make_events_and_cancel_others():
    k, seen = VirtualKernel(), []
    doomed = k.after(20, seen.append, "never")

    def first(_):
        k.cancel(doomed)
        k.after(0, seen.append, "at once")
        k.after(10, seen.append, "later")

    k.after(10, first)
    k.wait(100)
    assert seen == ["at once", "later"]
    k.cancel(doomed)
    k.cancel(None)


def test_events_that_are_cancelled_again_and_again_take_no_room():
    k, seen = VirtualKernel(), []
    for i in range(10_000):
        k.cancel(k.after(50_000 + i, seen.append, "never"))
        if i % 1000 == 0:
            k.after(60_000 + i, seen.append, i)
    assert len(k._queue) < 200
    k.wait(100_000)
    assert seen == list(range(0, 10_000, 1000))


def test_costs_add_up_to_milliseconds_and_events_fall_due_in_them():
    k, seen = VirtualKernel(), []
    k.after(1, lambda _: seen.append(k.now_ms))
    for _ in range(3):
        k.spend_us(400)
    assert (k.now_ms, k.us) == (1, 200) and seen == [1]


def test_a_reset_comes_out_of_the_wait_and_out_of_every_later_call():
    k = VirtualKernel()
    k.after(7, lambda _: k.halt(ChipReset("task_wdt", "no task fed it")))
    with pytest.raises(ChipReset) as e:
        k.wait(None)
    assert e.value.kind == "task_wdt" and k.now_ms == 7
    for call in (lambda: k.wait(8), lambda: k.spend_us(1), k.check):
        with pytest.raises(ChipReset):
            call()
    assert k.now_ms == 7
    k.revive()
    k.wait(8)


def test_misuse_is_an_error_no_firmware_handler_swallows():
    k = VirtualKernel()
    with pytest.raises(WorldError):
        k.wait(None)
    with pytest.raises(WorldError):
        k.after(-1, print)
    k.after(1, lambda _: k.wait(5))
    with pytest.raises(WorldError):
        k.wait(5)
    assert not issubclass(WorldError, Exception) and not issubclass(ChipReset, Exception)


class Wall:
    """A machine clock under the test's control: idle() moves it."""

    def __init__(self):
        self.us, self.idled, self.overrun_us = 0, [], 0

    def ticks_us(self):
        return self.us

    def diff(self, a, b):
        return a - b

    def idle(self, ms):
        self.idled.append(ms)
        self.us += ms * 1000 + self.overrun_us


def test_wall_kernel_idles_just_until_the_next_event():
    w = Wall()
    k, seen = WallKernel(w.ticks_us, w.diff, w.idle), []
    k.after(30, seen.append, "x")
    assert k.wait(100) is False
    assert w.idled == [30, 70] and seen == ["x"] and k.now_ms == 100


def test_wall_kernel_gives_late_events_their_own_instant():
    w = Wall()
    k, seen = WallKernel(w.ticks_us, w.diff, w.idle), []

    def chain(n):
        seen.append(k.now_ms)
        if n:
            k.after(100, chain, n - 1)

    k.after(100, chain, 3)
    w.us += 350_000  # the program computed for 350 ms
    k.wait(360)
    assert seen == [100, 200, 300] and k.now_ms == 360


def test_wall_kernel_looks_outside_from_a_busy_loop_but_not_at_every_call():
    w = Wall()
    k = WallKernel(w.ticks_us, w.diff, w.idle)
    for _ in range(100):
        w.us += 100
        k.spend_us(5)
    assert 9 <= len(w.idled) <= 10
    k.spend_us(2500)
    assert w.us >= 12_000
