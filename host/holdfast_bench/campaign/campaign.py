"""A campaign: seeds A to B carried out and summed up. May use: pool, store."""

from collections import Counter
from dataclasses import dataclass, field

from ..errors import BenchError
from . import pool
from .store import Store

SEEDS_MAX = 10_000_000


def seeds_of(text):
    """The range that "A:B" means: A to B - 1, as in Python. Raises BenchError."""
    first, colon, last = text.partition(":")
    try:
        seeds = range(int(first), int(last) if colon else int(first) + 1)
    except ValueError:
        raise BenchError("--seeds %s: two whole numbers are needed, such as 0:200" % text) from None
    if seeds.start < 0 or len(seeds) > SEEDS_MAX:
        raise BenchError("--seeds %s: seeds begin at 0, and there are at most %d" % (text, SEEDS_MAX))
    if not seeds:
        raise BenchError("--seeds %s: the second number has to be greater than the first (0:200 means 0 to 199)" % text)
    return seeds


@dataclass
class Summary:
    """What a campaign came to so far."""

    seeds: range
    hours: float
    counts: Counter = field(default_factory=Counter)     # verdict -> seeds
    laws: Counter = field(default_factory=Counter)       # law -> seeds that broke it
    faults: Counter = field(default_factory=Counter)
    totals: Counter = field(default_factory=Counter)     # number of the result -> sum
    failing: list = field(default_factory=list)          # trials that are not good
    virtual_s: float = 0.0
    busy_s: float = 0.0                                  # of the workers
    slowest_heal_ms: int = 0

    def add(self, trial):
        self.counts[trial.verdict] += 1
        self.virtual_s += trial.virtual_ms / 1000
        self.busy_s += trial.real_s
        self.faults.update(trial.faults)
        self.laws.update({f["law"] for f in trial.findings})
        self.totals.update({k: v for k, v in trial.numbers.items() if k in _SUMMED and v})
        self.slowest_heal_ms = max(self.slowest_heal_ms, trial.numbers.get("healed_ms") or 0)
        if trial.verdict != "good":
            self.failing.append(trial)

    def as_json(self):
        return {"seeds": [self.seeds.start, self.seeds.stop], "hours": self.hours, "done": sum(self.counts.values()),
                "good": self.counts["good"], "bad": self.counts["bad"], "unknown": self.counts["unknown"],
                "virtual_s": round(self.virtual_s), "busy_s": round(self.busy_s, 1),
                "speed": round(self.virtual_s / self.busy_s) if self.busy_s else None, "healed_ms_max": self.slowest_heal_ms,
                "totals": dict(sorted(self.totals.items())), "faults": dict(self.faults.most_common()), "laws": dict(self.laws.most_common()),
                "failing": [{"seed": t.seed, "verdict": t.verdict, "findings": t.findings} for t in sorted(self.failing, key=lambda t: t.seed)]}


_SUMMED = ("accepted", "delivered", "lost", "beyond_promise", "duplicates", "reported_dropped", "watchdog_bites", "resets", "reconnects")


def campaign(seeds, hours, jobs=None, dask=None, firmware=None, folder=None):
    """Yields (Trial, whether it was known already) of every seed; what is new is kept. Raises BenchError."""
    with Store(hours, firmware, folder) as store:
        known = store.known(seeds)
        for seed in sorted(known):
            yield known[seed], True
        left = [seed for seed in seeds if seed not in known]
        if not left:
            return
        trials = pool.on_dask(dask, left, hours, firmware) if dask else pool.local(left, hours, jobs, firmware)
        try:
            for trial in trials:
                store.keep(trial)
                yield trial, False
        finally:
            trials.close()
