"""What changed since the last times: verdicts, losses and times of a drill against the median of those before. Pure."""

from dataclasses import dataclass
from statistics import median

# A time counts as slower (or quicker) beyond both: so much of the median, and so many ms. Twins and boards scatter.
FACTOR, AT_LEAST_MS = 1.5, 500
TIMES = ("recovery_ms", "detect_ms", "stall_ms_max")
COUNTS = ("lost", "reported_dropped", "beyond_promise", "duplicates", "watchdog_bites", "resets", "reconnects")
_ORDER = {"good": 0, "skipped": 1, "unknown": 2, "bad": 3}
WORSE, SLOWER, MORE, QUICKER, BETTER, NEW = "worse", "slower", "more", "quicker", "better", "new"


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was; `kind`: worse, slower, more, quicker, better, new."""

    scenario: str
    board: str
    seed: int
    kind: str
    what: str  # verdict, or the name of a number
    before: object
    now: object


def compare(now, before):
    """Changes between runs {(scenario, board, seed): (verdict, numbers)} and those of earlier drills (a list, newest first), worst first."""
    changes = []
    for key in sorted(now):
        earlier = [runs[key] for runs in before if key in runs]
        if not earlier:
            if before:
                changes.append(Change(*key, NEW, "verdict", None, now[key][0]))
            continue
        changes += _run(key, now[key], earlier)
    order = (WORSE, SLOWER, MORE, NEW, QUICKER, BETTER)
    return sorted(changes, key=lambda c: (order.index(c.kind), c.scenario, c.board, c.seed))


def _run(key, now, earlier):
    verdict, numbers = now
    last = earlier[0][0]
    if _ORDER[verdict] > _ORDER[last]:
        yield Change(*key, WORSE, "verdict", last, verdict)
    elif _ORDER[verdict] < _ORDER[last]:
        yield Change(*key, BETTER, "verdict", last, verdict)
    for name in TIMES:
        values = [n.get(name) for _, n in earlier if n.get(name) is not None]
        value = numbers.get(name)
        if value is None or not values:
            continue
        usual = median(values)
        if value > usual * FACTOR and value - usual > AT_LEAST_MS:
            yield Change(*key, SLOWER, name, usual, value)
        elif usual > value * FACTOR and usual - value > AT_LEAST_MS:
            yield Change(*key, QUICKER, name, usual, value)
    for name in COUNTS:
        values = [n.get(name) or 0 for _, n in earlier]
        if (numbers.get(name) or 0) > max(values):
            yield Change(*key, MORE, name, max(values), numbers.get(name))
