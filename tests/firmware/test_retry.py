# Retry: back-off and jitter by the book, limits per class of error, breaker, and that a reset changes none of it (R1-R7).
import random

from holdfast.backoff import jitter_ms, wait_ms
from holdfast.breaker import on_trial
from holdfast.ladder import climb
from holdfast.retry import Target

CFG = {"policy": "exponential", "jitter": "none", "base_ms": 1000, "cap_ms": 30000, "quick_ms": 0, "open_ms": 30000, "barred_ms": 900000, "breaker_limit": 5}
HOUR = 3600000


def top():
    return (1 << 29) - 1


def bottom():
    return 0


def chance():
    return random.getrandbits(29)


def target(**changed):
    return Target(dict(CFG, **changed))


# The waits after n failures in a row of one kind, each right after the other.
def waits(t, n, kind="timeout", spent_ms=0, rnd=chance):
    found = []
    now = 0
    for _ in range(n):
        t.failed(kind, HOUR, spent_ms, now, rnd)
        found.append(t.wait_ms(now))
        now += found[-1]
        assert t.wait_ms(now) == 0
    return found


def test_exponential_doubles_to_its_cap_and_begins_anew_after_success():  # R1
    t = target()
    assert waits(t, 8) == [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
    t.succeeded()
    assert waits(t, 2) == [1000, 2000]


def test_gentle_takes_half_as_long_again_and_fixed_stays():  # R1, R2
    assert waits(target(policy="gentle"), 5) == [1000, 1500, 2250, 3375, 5062]
    assert waits(target(policy="gentle"), 20)[-1] == 30000
    assert waits(target(policy="fixed", base_ms=5000), 4) == [5000] * 4


def test_decorrelated_is_drawn_between_the_base_and_three_times_the_wait_before():  # R1, R3
    random.seed(1)
    for _ in range(50):
        last = 0
        for wait in waits(target(policy="decorrelated"), 12):
            assert 1000 <= wait <= min(30000, max(1000, last * 3))
            last = wait
    assert len(set([waits(target(policy="decorrelated"), 6)[-1] for _ in range(30)])) > 20  # a fleet does not come back in step


def test_each_jitter_keeps_to_its_range_and_uses_all_of_it():  # R3
    random.seed(2)
    for kind, low, high in (("none", 8000, 8000), ("additive", 8000, 9000), ("ten", 7200, 8800), ("equal", 4000, 8000), ("full", 0, 8000), ("half", 4000, 12000)):
        drawn = [jitter_ms(kind, 8000, chance()) for _ in range(2000)]
        assert low <= min(drawn) and max(drawn) <= high, kind
        assert min(drawn) - low <= (high - low) // 50 and high - max(drawn) <= (high - low) // 50, kind


def test_no_wait_leaves_the_small_integers_of_the_port():
    for policy in ("exponential", "gentle", "decorrelated", "fixed"):
        wait = 0
        for attempt in range(1, 400):
            wait = wait_ms(policy, attempt, wait, 60000, 3600000, top())
            assert 0 < wait <= 3600000 and jitter_ms("half", wait, top()) < 1 << 29


def test_time_that_a_try_took_counts_as_waiting():
    assert waits(target(), 4, spent_ms=3000) == [0, 0, 1000, 5000]


def test_quick_tries_at_first_then_the_back_off():  # R8: less than a second apart in the first minute
    t = target(quick_ms=60000)
    for outage in (0, 30000, 59000):
        for kind, most in (("timeout", 200), ("refused", 600), ("wifi", 100), ("link", 300)):
            t.failed(kind, outage, 0, 0, top)
            assert 0 < t.wait_ms(0) <= most, kind
    t.failed("refused", 60000, 0, 0, top)
    assert t.wait_ms(0) >= 1000


def test_heartbeat_loss_is_followed_by_two_quick_tries():  # R7
    t = target(quick_ms=60000)
    t.failed("gone", 0, 0, 0, top)
    t.failed("gone", 0, 0, 200, top)
    assert t.wait_ms(200) <= 100
    t.failed("gone", 0, 0, 400, top)
    assert t.wait_ms(400) >= 1000


def test_limit_of_each_class_says_what_follows():  # R4, R7
    for kind, n, follows in (("timeout", 3, "climb"), ("link", 3, "climb"), ("wifi", 8, "climb"), ("gone", 3, "climb"), ("dns", 1, "climb"), ("refused", 3, "next"),
                             ("closed", 3, "next"), ("busy", 3, "next"), ("protocol", 3, "clean"), ("auth", 1, "bar"), ("rejected", 1, "bar"), ("tls", 1, "bar")):
        t = target(breaker_limit=100)
        for round in range(2):  # again and again, not once
            for i in range(1, n + 1):
                assert t.failed(kind, HOUR, 0, 0, chance) == (follows if i == n else None), kind


def test_another_kind_of_failure_begins_a_row_of_its_own():
    t = target()
    for kind in ("refused", "refused", "timeout", "refused", "refused"):
        assert t.failed(kind, HOUR, 0, 0, chance) is None
    assert t.failed("refused", HOUR, 0, 0, chance) == "next"


def test_breaker_opens_after_five_unkind_endings_lets_one_trial_through_and_opens_again():  # R5
    t = target(quick_ms=60000)
    for i in range(5):
        assert t.wait_ms(0) < 30000
        follows = t.failed("closed", 0, 0, 0, bottom)
    assert t.wait_ms(0) == 30000 and follows == "next"
    t.hurry()
    assert t.wait_ms(0) == 30000  # the Wi-Fi's return is no reason
    assert t.wait_ms(30000) == 0
    t.failed("closed", 0, 0, 30000, bottom)
    assert t.wait_ms(30000) == 30000  # the trial failed
    assert t.wait_ms(60000) == 0
    t.succeeded()
    t.failed("closed", 0, 0, 60000, bottom)
    assert t.wait_ms(60000) < 2000  # closed again


def test_refused_login_bars_this_target_and_no_other():  # R6, R7
    one, other = target(), target()
    assert one.failed("auth", 0, 0, 0, chance) == "bar"
    assert one.wait_ms(0) == 900000 and other.wait_ms(0) == 0


def test_the_try_after_a_refusal_is_known_as_one_until_it_was_useful():  # R5, R7: nothing is sent ahead of the CONNACK then
    t = target()
    assert not on_trial(t.breaker)
    t.failed("auth", 0, 0, 0, chance)
    assert not t.wait_ms(900000) and on_trial(t.breaker)
    t.failed("auth", 0, 0, 900000, chance)
    assert not t.wait_ms(1800000) and on_trial(t.breaker)
    t.succeeded()
    assert not on_trial(t.breaker)


def test_hurry_cuts_a_wait_short():
    t = target()
    t.failed("timeout", HOUR, 0, 0, chance)
    t.hurry()
    assert t.wait_ms(0) == 0


def test_step_breaker_and_wait_go_on_after_a_reset():  # R6: kept in the resume record
    t = target()
    waits(t, 5)
    t.failed("timeout", HOUR, 0, 100, chance)
    assert t.wait_ms(100) == 30000
    kept = t.pack(100, 777777)
    after = target()
    after.unpack(*kept, 5, 777777 + 100)  # 10 s later, by the stamps
    assert 19900 <= after.wait_ms(5) <= 20000
    assert after.attempt == 6
    after.failed("timeout", HOUR, 0, 40000, chance)
    assert after.wait_ms(40000) == 30000  # not from the first step

    t = target()
    for _ in range(5):
        t.failed("closed", HOUR, 0, 0, chance)
    after = target()
    after.unpack(*t.pack(0, 65530), 0, 65540)  # the stamp's low half has wrapped meanwhile
    assert 28900 <= after.wait_ms(0) <= 29000
    after.hurry()
    assert after.wait_ms(0) > 0  # the breaker is open still


def test_due_time_of_another_age_is_no_wait():
    t = target()
    t.failed("auth", HOUR, 0, 0, chance)
    after = target()
    after.unpack(*t.pack(0, 1000), 0, 1000 + 9100)
    assert after.wait_ms(0) == 0


def test_stamps_that_go_back_make_no_wait_that_the_settings_do_not_allow():  # the clock was set, and nobody saw it before the reset
    t = target(policy="fixed")
    t.failed("timeout", HOUR, 0, 0, chance)
    after = target()
    after.unpack(*t.pack(0, 9000), 0, 0)
    assert 0 < after.wait_ms(0) <= 90000
    t = target()
    t.failed("auth", HOUR, 0, 0, chance)
    after = target()
    after.unpack(*t.pack(0, 8000), 0, 0)
    assert after.wait_ms(0) == 900000  # a broker that bars the node, though, has its rest


def test_asking_dns_in_vain_is_not_repeated_before_it_blocked_a_fifth_of_the_time():  # R8: it stops everything
    t = target(policy="fixed")
    t.failed("dns", 0, 7000, 0, chance)
    assert t.wait_ms(0) >= 28000


# The ladder: each rung waits for its share of the outage.
def walked(until_s, reset_after_s=1800, resets=0):
    used = rung = 0
    steps = []
    for s in range(0, until_s):
        found = climb(s, used, rung, resets, reset_after_s)
        if found:
            steps.append((s, found))
            used, rung = s, found
            if found > 2:
                return steps
    return steps


def test_ladder_associates_then_switches_the_radio_then_resets():  # R4
    steps = walked(4000)
    assert steps[0] == (6, 1) and (90, 2) in steps and steps[-1] == (1800, 3)
    assert [rung for _, rung in steps] == sorted([rung for _, rung in steps])
    for rung, pause in ((1, 30), (2, 120)):
        at = [s for s, found in steps if found == rung]
        assert len(at) > 2 and min([b - a for a, b in zip(at, at[1:])]) >= pause


def test_resets_come_ever_later_and_the_third_is_a_cool_down():
    assert walked(100000, resets=1)[-1] == (3600, 3)
    assert walked(100000, resets=2)[-1] == (7200, 4)
    assert walked(100000, resets=9)[-1] == (57600, 4)


def test_resets_can_be_forbidden():
    assert [rung for _, rung in walked(5000, reset_after_s=0)][-1] == 2


def test_no_two_tries_to_connect_are_of_one_length():  # R3: what began at one moment spreads, even without a pause in between
    t = target(jitter="none")
    shortest = []
    for n in range(9):
        shortest.append(t.dial_ms(1000, bottom))
        t.failed("timeout", HOUR, 0, 0, chance)
    assert [ms // 875 for ms in shortest] == [3, 1, 2, 1, 1, 2, 1, 1, 6]
    found = [t.dial_ms(1000, chance) for _ in range(300)]
    assert 875 <= min(found) < 900 and 1100 < max(found) <= 1125 and len(set(found)) > 100


def test_a_broker_that_is_alone_is_waited_for_ever_longer():  # R3, R47: its queue may hold a fleet
    t = target()
    patience = []
    for _ in range(4):
        patience.append(t.opened(5000, True))
        t.failed("timeout", HOUR, patience[-1], 0, chance)
    assert patience == [20000, 40000, 80000, 80000]
    t.failed("timeout", HOUR, 1000, 0, chance)  # it could not even be reached: says nothing of its queue
    assert t.opened(5000, True) == 80000
    assert t.opened(5000, False) == 5000  # there is another one to turn to
    t.succeeded()
    assert t.opened(5000, True) == 20000
    t.failed("closed", HOUR, 100, 0, chance)
    assert t.opened(5000, True) == 20000


def test_a_try_as_long_as_the_wait_leaves_the_spread():  # R3: else a fleet stays in step
    found = waits(target(policy="fixed", jitter="equal"), 200, spent_ms=1000)
    assert 0 <= min(found) and max(found) <= 250 and len(set(found)) > 60
    assert waits(target(policy="fixed", jitter="none"), 5, spent_ms=1000) == [0] * 5
