# wear.py - how much flash the spool may wear out: a bucket of erases that gains a day's worth each day and holds no more.
# May import: nothing of ours; store and clock are handed in.   Time: stamps.   Blocks: 1-50 ms for a note in NVS.
from micropython import const

_DAY = const(864000)  # stamps
# Erases that a segment costs, from writing to removing, as tests measure it: littlefs; FAT, which has smaller blocks.
_COST = const(3)
_COST_FAT = const(12)
_BLOCK = const(4096)  # of littlefs


class Wear:
    # store: nvs.Store. daily: erases a day. block_size: of the file system. erases: how many there were.
    def __init__(self, store, clock, epoch, daily, block_size):
        self._store = store
        self._clock = clock
        self._epoch = epoch
        self._daily = daily
        self._cost = _COST if block_size >= _BLOCK else _COST_FAT
        self.erases, budget, stamp, counted = store.wear()
        now = clock.stamp()
        if not self.erases:
            budget = daily
        if counted != epoch or stamp > now:
            stamp = now  # nobody knows how long the power was off
        self._budget = min(budget, daily)
        self._counted_at = stamp

    # May one more segment be written?
    def affords(self):
        now = self._clock.stamp()
        gained = (now - self._counted_at) * self._daily // _DAY
        if gained:
            self._budget = min(self._budget + gained, self._daily)
            self._counted_at = now
        return self._budget >= self._cost

    # One was.
    def spend(self):
        self._budget -= self._cost
        self.erases += self._cost
        self._store.save_wear(self.erases, self._budget, self._counted_at, self._epoch)
