"""The way between the chip and its hosts: delay, and rules that delay, drop or double frames. Judges, never looks inside.

A rule is a small object: on_frame(frame, now_ms) -> 0 to pass, n > 0 for n ms of delay, DROP, or TWICE. Delays add up, one
DROP is enough. It gets its own stream of random numbers (world/rng.py). On a clean air a frame costs one kernel event.
Common subset of CPython and MicroPython. May use: kernel.
"""

DROP = -1
TWICE = -2
DELAY_MS = 5            # one way on a healthy link: round trips of 8 to 30 ms were seen

UP, DOWN, BOTH = "up", "down", "both"
SYN, SYN_ACK, ACK, DATA, FIN, RST = "syn", "syn_ack", "ack", "data", "fin", "rst"


class Frame:
    """What a rule may know of a frame. One object is used again and again: a rule must not keep it."""

    def __init__(self):
        self.up = True          # from the chip
        self.kind = DATA
        self.size = 0           # bytes of payload
        self.flow = None        # the chip's flow, for rules about some connections only


class Air:
    """`passes()` says whether the chip's radio gets frames through at all (Wifi.passes)."""

    def __init__(self, kernel, passes, delay_ms=DELAY_MS):
        self.kernel = kernel
        self.passes = passes
        self.delay_ms = delay_ms
        self.rules = []
        self.lost = 0           # frames dropped so far: the self-check of faults
        self._frame = Frame()
        self._last_up_at_ms = self._last_down_at_ms = 0

    def add(self, rule):
        self.rules.append(rule)
        return rule

    def remove(self, rule):
        """Take a rule away; one that is gone already is fine."""
        if rule in self.rules:
            self.rules.remove(rule)

    def clean(self):
        """Every frame sent now arrives after delay_ms."""
        return not self.rules and self.passes()

    def carry(self, up, kind, size, flow, arrive, arg):
        """Send a frame: arrive(arg) happens later, or never. Returns whether it will."""
        kernel = self.kernel
        if not self.rules:
            if self.passes():
                kernel.after(self.delay_ms, arrive, arg)
                return True
            self.lost += 1
            return False
        if not self.passes():
            self.lost += 1
            return False
        frame = self._frame
        frame.up, frame.kind, frame.size, frame.flow = up, kind, size, flow
        delay_ms, overtakes, twice = self.delay_ms, False, False
        for rule in self.rules:
            verdict = rule.on_frame(frame, kernel.now_ms)
            if verdict == DROP:
                self.lost += 1
                return False
            if verdict == TWICE:
                twice = True
            elif verdict:
                delay_ms += verdict
                overtakes = overtakes or rule.reorders
        at_ms = kernel.now_ms + delay_ms
        if not overtakes:
            # A queue keeps its order: a frame that was delayed less waits behind the one before it.
            if up:
                at_ms = self._last_up_at_ms = max(at_ms, self._last_up_at_ms)
            else:
                at_ms = self._last_down_at_ms = max(at_ms, self._last_down_at_ms)
        kernel.after(at_ms - kernel.now_ms, arrive, arg)
        if twice:
            kernel.after(at_ms - kernel.now_ms + 1, arrive, arg)
        return True


class Rule:
    """Base of the rules; direction: UP (from the chip), DOWN or BOTH. kinds: frame kinds it is about, None for all."""

    reorders = False

    def __init__(self, direction=BOTH, kinds=None):
        self.direction = direction
        self.kinds = kinds

    def concerns(self, frame):
        return (self.direction == BOTH or (self.direction == UP) == frame.up) and (self.kinds is None or frame.kind in self.kinds)

    def on_frame(self, frame, now_ms):
        return 0


class OnlyAt(Rule):
    """A rule for one access point: it holds while the station is joined with that one."""

    def __init__(self, rule, wifi, ap):
        super().__init__(rule.direction, rule.kinds)
        self._rule, self._wifi, self._ap, self.reorders = rule, wifi, ap, rule.reorders

    def on_frame(self, frame, now_ms):
        return self._rule.on_frame(frame, now_ms) if self._wifi.ap is self._ap else 0


class Blackhole(Rule):
    """Frames vanish. With one direction only: one-way loss."""

    def on_frame(self, frame, now_ms):
        return DROP if self.concerns(frame) else 0


class Forgotten(Rule):
    """The flows that stood when it was made are dead without a sign, new ones work: a router that lost its table."""

    def __init__(self, flows):
        super().__init__()
        self.flows = list(flows)

    def on_frame(self, frame, now_ms):
        return DROP if frame.flow in self.flows else 0


class Loss(Rule):
    """Each frame is lost with probability p; with correlation c each draw is c parts of the last one, so losses come in bursts."""

    def __init__(self, rng, p, correlation=0.0, direction=BOTH, kinds=None):
        super().__init__(direction, kinds)
        self.rng = rng
        # Whole numbers: the same draws on interpreters whose floats differ.
        self._limit = int(p * 1000) * 536871
        self._parts = int(correlation * 1000)
        self._last = rng.bits()

    def on_frame(self, frame, now_ms):
        if not self.concerns(frame):
            return 0
        draw = self.rng.bits()
        if self._parts:
            draw = self._last = (self._last * self._parts + draw * (1000 - self._parts)) // 1000
        return DROP if draw < self._limit else 0


class Delay(Rule):
    """Every frame takes ms longer, and up to jitter_ms more, uniformly drawn; the order stays."""

    def __init__(self, rng, ms, jitter_ms=0, direction=BOTH, kinds=None):
        super().__init__(direction, kinds)
        self.rng, self.ms, self.jitter_ms = rng, ms, jitter_ms

    def on_frame(self, frame, now_ms):
        if not self.concerns(frame):
            return 0
        return self.ms + (self.rng.below(self.jitter_ms + 1) if self.jitter_ms else 0)


class Reorder(Rule):
    """With probability p a frame is late by `ms` and others overtake it."""

    reorders = True

    def __init__(self, rng, p, ms=50, direction=BOTH, kinds=None):
        super().__init__(direction, kinds)
        self.rng, self.p, self.ms = rng, p, ms

    def on_frame(self, frame, now_ms):
        return self.ms if self.concerns(frame) and self.rng.chance(self.p) else 0


class Duplicate(Rule):
    """With probability p a frame arrives twice."""

    def __init__(self, rng, p, direction=BOTH, kinds=None):
        super().__init__(direction, kinds)
        self.rng, self.p = rng, p

    def on_frame(self, frame, now_ms):
        return TWICE if self.concerns(frame) and self.rng.chance(self.p) else 0


# One-way delays in ms beyond the link's own, at the quantiles 0, 1/16 … 15/16, 0.99, 0.999. The numbers are ours; their shape – a long tail, each draw near
# the one before – is that of measurements: round trips over LTE-A are best described by a generalised extreme value distribution with a long tail (M. Di Mauro, A. Liotta:
# "An Experimental Evaluation and Characterization of VoIP Over an LTE-A Network", IEEE Transactions on Network and Service Management, 2020, ieeexplore 9096399). That losses
# come in bursts after Gilbert and Elliott is the model of ITU-T G.1050 (11/2007).
PROFILES = {
    # name: (delays, thousandths of frames with which a burst of losses begins, of frames with which it ends)
    "lte": ((8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 24, 27, 32, 41, 68, 133), 0, 1000),
    "wifi": ((0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 12, 18, 33, 90, 260), 1, 600),
    "bloat": ((20, 35, 45, 52, 58, 64, 70, 76, 82, 88, 95, 103, 112, 124, 140, 165, 230, 420), 2, 400),
}


class Jitter(Rule):
    """Delay that varies as on real links: drawn from a profile, each draw near the one before, now and then anew; losses in bursts after Gilbert
    and Elliott. Whole numbers: the same draws on all interpreters."""

    def __init__(self, rng, profile, direction=BOTH, kinds=None):
        super().__init__(direction, kinds)
        self.rng = rng
        self._delays, self._begin, self._end = PROFILES[profile]
        self._at = rng.below(1000)
        self._lossy = False

    def on_frame(self, frame, now_ms):
        if not self.concerns(frame):
            return 0
        rng = self.rng
        self._lossy = rng.below(1000) >= self._end if self._lossy else rng.below(1000) < self._begin
        if self._lossy:
            return DROP
        if rng.below(8):
            at = self._at + rng.below(121) - 60
            self._at = -at if at < 0 else 1998 - at if at > 999 else at
        else:
            self._at = rng.below(1000)
        return self._delay(self._at)

    def _delay(self, at):
        delays = self._delays
        if at >= 990:
            return delays[16] + (delays[17] - delays[16]) * (at - 990) // 9
        if at >= 937:
            return delays[15] + (delays[16] - delays[15]) * (at - 937) // 53
        i = at * 16 // 1000
        return delays[i] + (delays[i + 1] - delays[i]) * (at * 16 % 1000) // 1000
