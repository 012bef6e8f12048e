"""The rules of world/air.py by the names of the catalogue of faults, with a count of the frames that each has changed: its self-check.

Knows nothing of where frames come from: a twin's air, or the packets of a real board.
"""

from ..world import air
from ..world.rng import Rng

_MAKE = {
    "loss": lambda rng, p, correlation, direction: air.Loss(rng, p, correlation, direction),
    "one_way": lambda rng, direction: air.Blackhole(direction),
    "slow_link": lambda rng, delay_ms, jitter_ms: air.Delay(rng, delay_ms, jitter_ms),
    "jittery_link": lambda rng, profile: air.Jitter(rng, profile),
    "reorder": lambda rng, p, late_ms: air.Reorder(rng, p, late_ms),
    "duplicates": lambda rng, p: air.Duplicate(rng, p),
    "connect_timeout": lambda rng: air.Blackhole(kinds=(air.SYN,)),
}
WORDS = {"loss": "lost", "one_way": "swallowed", "slow_link": "delayed", "jittery_link": "delayed or lost", "reorder": "made late", "duplicates": "doubled",
         "connect_timeout": "swallowed"}


def made(name, seed, settings):
    """The rule of that name, with random numbers of its own."""
    return _MAKE[name](Rng(seed), **settings)


class Counting(air.Rule):
    """A rule, and how many frames it has changed."""

    def __init__(self, rule, name):
        super().__init__(rule.direction, rule.kinds)
        self._rule, self._name, self.reorders, self.hit = rule, name, rule.reorders, 0

    def on_frame(self, frame, now_ms):
        verdict = self._rule.on_frame(frame, now_ms)
        self.hit += verdict != 0
        return verdict

    def evidence(self):
        return "%d frames %s" % (self.hit, WORDS[self._name]) if self.hit else None
