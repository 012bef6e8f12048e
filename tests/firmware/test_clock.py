# Time stamps: true across resets, deep sleep, the wrap of ticks, the epoch of 2000 and the setting of the clock (R30).
import holdfast.clock as clock
from stand_ins import Rtc
from holdfast.block import Block

EPOCH = 946684800  # 1970 to 2000
PERIOD = 1 << 30


# The chip's time module: ticks that wrap, a clock that starts in 2000 and is set from outside.
class Chip:
    def __init__(self, ticks=0):
        self.ms = 0  # true time since the start
        self.ticks_0 = ticks
        self.clock_0 = 0  # ms the chip's clock is ahead of `ms`

    def ticks_ms(self):
        return (self.ms + self.ticks_0) % PERIOD

    def ticks_add(self, a, b):
        return (a + b) % PERIOD

    def ticks_diff(self, a, b):
        return (a - b + PERIOD // 2) % PERIOD - PERIOD // 2

    def time(self):
        return (self.ms + self.clock_0) // 1000

    def time_ns(self):
        return (self.ms + self.clock_0) * 1000000

    def gmtime(self, s):
        return (2000 + s // 31556952, 1, 1, 0, 0, 0, 5, 1)

    def set(self, s):
        self.clock_0 = s * 1000 - self.ms


class Life:
    def __init__(self, ticks=0):
        self.chip = Chip(ticks)
        self.rtc = Rtc()
        self.boot()

    def boot(self):
        clock.time = self.chip
        self.block = Block(self.rtc, 1024, lambda: 1)
        self.clock = clock.Clock(self.block)
        self.clock.floor(self.block.head_t)
        self.block.commit()

    # A reset: ticks start anew, the clock runs on.
    def reset(self, gone_ms):
        self.chip.ms += gone_ms
        self.chip.ticks_0 = 5 - self.chip.ms
        self.boot()

    def run(self, ms):
        while ms > 0:
            n = min(ms, 1000000000 // 4)
            self.chip.ms += n
            ms -= n
            self.clock.stamp()

    # Epoch seconds that a receiver will read, None for null.
    def read(self, stamp):
        text = self.clock.text(stamp)
        return None if text == "null" else int(text) / 1000


NOW = 800000000  # seconds since 2000: in the year 2025


def test_without_a_clock_the_time_is_null_and_comes_out_right_once_it_is_set():
    life = Life()
    life.run(7300)
    early = life.clock.stamp()
    assert early == 73 and life.read(early) is None
    life.run(60000)
    life.chip.set(NOW)
    assert life.clock.check()
    assert abs(life.read(early) - (EPOCH + NOW - 60)) < 1.1, life.clock.text(early)


def test_stamps_go_on_through_resets_and_deep_sleep():
    life = Life()
    life.run(10000)
    first = life.clock.stamp()
    life.reset(400)
    life.run(2000)
    second = life.clock.stamp()
    life.reset(3600000)
    third = life.clock.stamp()
    assert (first, second, third) == (100, 124, 36124)
    life.chip.set(NOW)
    life.clock.check()
    for stamp, ago in ((third, 0), (second, 3600), (first, 3602.4)):
        assert abs(life.read(stamp) - (EPOCH + NOW - ago)) < 1.1


def test_ticks_wrap_unseen():
    life = Life(PERIOD - 5000)
    life.run(40 * 86400 * 1000)
    assert abs(life.clock.stamp() - 40 * 864000) <= 1


def test_clock_set_just_before_a_reset_that_nobody_saw_coming():
    life = Life()
    life.run(10000)
    life.block.head_t = stamp = life.clock.stamp()
    life.block.commit()
    life.chip.set(NOW)  # and before anything is committed:
    life.reset(300)
    assert abs(life.read(stamp) - (EPOCH + NOW)) < 1.5
    assert life.clock.stamp() - stamp < 20


def test_clock_that_is_set_back_takes_all_stamps_with_it():
    life = Life()
    life.chip.set(NOW)
    life.clock.check()
    life.run(100000)
    stamp = life.clock.stamp()
    life.chip.set(NOW - 5000)
    life.run(50000)
    assert life.clock.check() and abs(life.read(stamp) - (EPOCH + NOW - 5000)) < 1.1
    assert life.clock.stamp() - stamp == 500


def test_clock_that_is_back_in_2000_after_a_reset_says_null_but_stamps_go_on():
    life = Life()
    life.chip.set(NOW)
    life.clock.check()
    life.run(100000)
    life.block.head_t = stamp = life.clock.stamp()
    life.block.commit()
    life.chip.set(0)
    life.reset(300)
    assert life.read(stamp) is None and life.clock.stamp() >= stamp
    life.run(5000)
    life.chip.set(NOW + 200)
    life.clock.check()
    assert abs(life.read(stamp) - (EPOCH + NOW + 195)) < 1.5


def test_drift_of_the_sleep_clock_is_shared_out_over_the_time_in_which_it_grew():
    life = Life()
    life.chip.set(NOW)
    life.clock.check()
    life.block.commit()
    # A day of sleep on an oscillator that is one percent slow; a sample every hour.
    taken = []
    for hour in range(24):
        life.reset(3600000 - 36000)
        taken.append((life.clock.stamp(), NOW + 3600 * (hour + 1)))
        life.block.commit()
    life.chip.set(NOW + 86400)
    assert life.clock.check()
    life.block.commit()
    life.reset(100)
    for stamp, true in taken:
        assert abs(life.read(stamp) - EPOCH - true) < 3, (life.read(stamp) - EPOCH - true)
    assert abs(life.read(life.clock.stamp()) - EPOCH - NOW - 86400) < 1.5


def test_damage_leaves_a_stamp_unknown_rather_than_wrong():
    assert Life().clock.text(-1) == "null"
