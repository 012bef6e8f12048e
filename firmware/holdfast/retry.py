# retry.py - what to do after a failure: when to try again, with whom, or that the layer below is to blame (R4, R6, R7, R8).
# May import: backoff, breaker.   Time (ticks) and chance are handed in.   Blocks: never.
#
# One Target per thing that is retried: the Wi-Fi and each broker. A failed try costs the network little at first (a SYN,
# a probe request), so in the first minute of an outage tries are quick and their jitter small; later the back-off rules.
from micropython import const
from time import ticks_add, ticks_diff

from .backoff import jitter_ms, wait_ms
from .breaker import failed, is_open, rested

# kind, quick pause from, to [ms] (0 0: none), how many quick tries (0: as long as the outage is young),
# failures of that kind in a row, what follows from so many.
# "next": try the next broker. "climb": the next one too; when all have been tried, the layer below may be at fault.
# "clean": the next session begins with nothing kept. "bar": wants a human, let this broker rest.
# "*": all other kinds. (A string takes a fifth of the memory of nested tuples.)
_POLICY = const(
    """
timeout 0 200 0 3 climb
link 100 300 0 3 climb
wifi 20 100 0 8 climb
gone 0 100 2 3 climb
dns 0 0 0 1 climb
memory 0 0 0 1 climb
refused 200 600 0 3 next
closed 50 300 2 3 next
unacked 0 100 2 3 next
protocol 0 0 0 3 clean
auth 0 0 0 1 bar
rejected 0 0 0 1 bar
tls 0 0 0 1 bar
* 0 0 0 3 next
"""
)
# A broker that accepts and then drops us is worse than one that is away: these are what its breaker counts.
_UNKIND = const(("closed", "busy", "unacked", "protocol"))
_FORGET = const(18000)  # stamps: no wait outlives a reset by more than half an hour; a due time farther off is left over from another age
_MOST_MS = const(90000)  # longest wait with a closed breaker, unless cap_ms allows more: after DNS at its worst
_UNHEARD_MAX = const(2)
_BLOCKED = const(4)  # asking DNS stops everything: so many times as long as it took, it is not asked again


class Target:
    # cfg: settings policy, jitter, base_ms, cap_ms, quick_ms, open_ms, barred_ms, breaker_limit.
    def __init__(self, cfg):
        self._cfg = cfg
        self.succeeded()

    # It has been useful: everything is forgotten.
    def succeeded(self):
        self.attempt = 0  # failed tries in a row
        self.breaker = 0
        self._last_ms = 0
        self._unheard = 0  # connections in a row that were made and led to nothing within their time
        self._open = False
        self._row = 0  # failures of the same kind in a row
        self._kind = self._due_at = None

    # A try failed. outage_ms: how long the outage has lasted; spent_ms: how long the try took, which counts as waiting.
    # rnd: () -> uniform 0..2**29-1. Returns what follows, None: nothing but the wait.
    def failed(self, kind, outage_ms, spent_ms, now, rnd):
        cfg = self._cfg
        at = _POLICY.find("\n%s " % kind)
        if at < 0:
            at = _POLICY.find("\n*")
        *numbers, follows = _POLICY[at : _POLICY.find("\n", at + 1)].split()[1:]
        low, high, quick, limit = map(int, numbers)
        self.attempt += 1
        if self._open and kind == "timeout":
            self._unheard = min(self._unheard + 1, _UNHEARD_MAX)
        self._open = False
        self._row = self._row + 1 if kind == self._kind else 1
        self._kind = kind
        if high and (self._row <= quick if quick else outage_ms < cfg["quick_ms"]):
            wait = low + rnd() % (high - low + 1)
        else:
            self._last_ms = wait_ms(cfg["policy"], self.attempt, self._last_ms, cfg["base_ms"], cfg["cap_ms"], rnd())
            wait = jitter_ms(cfg["jitter"], self._last_ms, rnd()) - spent_ms
            # A try that took as long as the wait is to be leaves no room for chance: then some is added, or a fleet stays in step.
            wait = max(wait, rnd() % ((self._last_ms >> 2) + 1) if cfg["jitter"] != "none" else 0)
            if kind == "dns":
                wait = max(wait, spent_ms * _BLOCKED)
        if self._row % limit:
            follows = None
        if follows == "bar":
            self.breaker = failed(self.breaker, 1)
            wait = cfg["barred_ms"]
        elif kind in _UNKIND:
            self.breaker = failed(self.breaker, cfg["breaker_limit"])
            if is_open(self.breaker):
                wait = cfg["open_ms"]
                follows = follows or "next"
        self._due_at = ticks_add(now, wait)
        return follows

    # How long to wait for a connection. ms: what suits this network. Most tries are short, so that when the network comes back the
    # next SYN is never far; some suit a slow one. None is as long as another's: a fleet that lost its broker at one moment spreads (R3).
    def dial_ms(self, ms, rnd):
        n = self.attempt
        ms *= 6 if n % 9 == 8 else 3 if n == 0 else 2 if n % 3 == 2 else 1
        return ms - (ms >> 3) + rnd() % ((ms >> 2) + 1)

    # There is a connection. How long to wait for the broker's answer: ms, when there is another broker to turn to. A broker that is
    # alone may have a whole fleet in its queue, and whoever gives up before his turn makes it longer for all (R3, R47).
    def opened(self, ms, alone):
        self._open = True
        return ms << 2 + self._unheard if alone else ms

    # How long to wait before the next try, 0 when it is due.
    def wait_ms(self, now):
        if self._due_at is None:
            return 0
        left = ticks_diff(self._due_at, now)
        if left > 0:
            return left
        self._due_at = None
        self.breaker = rested(self.breaker)
        return 0

    # Cuts the wait short: something has changed for the better. An open breaker stays open.
    def hurry(self):
        if not is_open(self.breaker):
            self._due_at = None

    # For the resume record: attempt, breaker, low half of the stamp (0.1 s) at which the next try is due.
    def pack(self, now, stamp):
        return min(self.attempt, 255), self.breaker, stamp + min(self.wait_ms(now) // 100, _FORGET - 1) & 0xFFFF

    # The reverse, in a new life: a back-off or an open breaker goes on where the reset interrupted it.
    def unpack(self, attempt, breaker, due, now, stamp):
        self.attempt = attempt
        self.breaker = breaker
        cfg = self._cfg
        left = due - stamp & 0xFFFF
        if attempt and left < _FORGET:
            # Stamps go back when the clock was set just before the reset: the wait is none that its settings do not allow.
            left = min(left * 100, max(cfg["barred_ms"], cfg["open_ms"]) if is_open(breaker) else max(cfg["cap_ms"] * 2, _MOST_MS))
            self._due_at = ticks_add(now, left)
            self._last_ms = min(left, cfg["cap_ms"])
