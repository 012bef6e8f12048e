"""N nodes, one broker: a discrete-event model. Each node is the firmware's retry controller; the network between is a delay.

All connections break at 0; the broker can be reached again at `outage_ms`. From then on it does R units of work a second, one after
the other, from a queue that holds `backlog` of them. A SYN (every try is one, a health probe too) is a unit; it is dropped where
the queue is full, and sent again by the node's TCP while the try lasts. One in the queue is answered by the broker's TCP at once; the node then waits for the answer to its
CONNECT. A TLS handshake is a second unit. What has reached the queue is done even when the node has given up meanwhile: work that
overload wastes.
"""

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush

from .controller import firmware_module

SYN_AGAIN_MS = (0, 1500, 4500, 10500)   # lwIP's retransmissions of a SYN, counted from the first
BUCKETS = 400
HANDSHAKE_MS = 15_000   # that session.py gives TLS beyond connack_ms
_DIAL, _SYN, _OPEN, _DONE, _OVER = range(5)


@dataclass(frozen=True)
class Fleet:
    """What is tried. Times in ms, rate in units a second."""

    nodes: int
    rate: int
    policy: str
    jitter: str
    outage_ms: int = 10_000
    tls: bool = False
    backlog: int = 128
    rtt_ms: int = 40
    dial_ms: int = 1000
    connack_ms: int = 5000
    base_ms: int = 1000
    cap_ms: int = 5000
    quick_ms: int = 60_000
    seed: int = 1
    limit_ms: int = 0       # given up then; 0: at fifty times the ideal

    @property
    def ideal_ms(self):
        """N / R: the broker never idle, no work wasted."""
        return self.nodes * (2 if self.tls else 1) * 1000 / self.rate


@dataclass
class Recovery:
    """What became of it. Times in ms since the broker was back; None: not within the limit."""

    fleet: Fleet
    all_ms: float | None = None
    half_ms: float | None = None
    most_ms: float | None = None        # 99 %
    tries: int = 0
    dropped: int = 0                    # SYNs
    wasted: int = 0                     # units done for nodes that had given up
    busiest_s: int = 0                  # SYNs in the busiest second
    curve: list = field(default_factory=list)       # of recovered nodes: (ms, how many)
    arrivals: list = field(default_factory=list)    # SYNs by second

    @property
    def factor(self):
        return None if self.all_ms is None else self.all_ms / max(self.fleet.ideal_ms, 1)


def recover(fleet, controller=None):
    """The Recovery of a fleet. Same fleet, same result."""
    retry = controller or firmware_module("retry")
    settings = {"policy": fleet.policy, "jitter": fleet.jitter, "base_ms": fleet.base_ms, "cap_ms": fleet.cap_ms, "quick_ms": fleet.quick_ms,
                "open_ms": 30_000, "barred_ms": 900_000, "breaker_limit": 5}
    draw = random.Random("fleet:%d" % fleet.seed)
    chance = lambda: draw.getrandbits(29)  # noqa: E731
    nodes = [retry.Target(settings) for _ in range(fleet.nodes)]
    since = [0.0] * fleet.nodes         # when the try under way began
    tried = [0] * fleet.nodes           # which try that is; of events, those of an earlier one are void
    until = [0.0] * fleet.nodes         # when it is given up
    sent = [0] * fleet.nodes            # how often its SYN was repeated
    half_ms = fleet.rtt_ms / 2
    handshake_ms = HANDSHAKE_MS if fleet.tls else 0
    result = Recovery(fleet)
    limit_ms = fleet.outage_ms + (fleet.limit_ms or 50 * fleet.ideal_ms + 120_000)
    unit_ms = 1000 / fleet.rate
    room_ms = fleet.backlog * unit_ms
    free_at = float(fleet.outage_ms)    # when the broker has done all that is queued
    events, made, up, arrivals = [], 0, 0, {}

    def failed(i, kind, now):
        nodes[i].failed(kind, int(now), int(now - since[i]), int(now), chance)
        return now + nodes[i].wait_ms(int(now))

    for i in range(fleet.nodes):        # the connection broke: closed by the broker's end
        made += 1
        events.append((failed(i, "closed", 0), made, _DIAL, i, 0))
    events.sort()
    while events:
        now, _, what, i, turn = heappop(events)
        if now > limit_ms:
            break
        if what != _DIAL and turn != tried[i]:
            if what == _DONE:
                result.wasted += 1
            continue
        made += 1
        if what == _DIAL:
            target = nodes[i]
            wait = target.wait_ms(int(now))
            if wait:
                heappush(events, (now + wait, made, _DIAL, i, 0))
                continue
            since[i] = now
            tried[i] = turn = tried[i] + 1
            result.tries += 1
            until[i] = over = now + target.dial_ms(fleet.dial_ms, chance)
            sent[i] = 0
            heappush(events, (now + half_ms, made, _SYN, i, turn))
            made += 1
            heappush(events, (over, made, _OVER, i, turn))
        elif what == _SYN:
            there = now >= fleet.outage_ms
            if there:
                second = int(now - fleet.outage_ms) // 1000
                arrivals[second] = arrivals.get(second, 0) + 1
            if not there or free_at - now > room_ms:
                result.dropped += there
                sent[i] = n = sent[i] + 1       # no answer: the node's TCP sends it again, while the try lasts
                if n < len(SYN_AGAIN_MS) and since[i] + SYN_AGAIN_MS[n] < until[i]:
                    heappush(events, (since[i] + SYN_AGAIN_MS[n] + half_ms, made, _SYN, i, turn))
                continue
            free_at = max(free_at, now) + unit_ms
            if fleet.tls:
                free_at += unit_ms
            heappush(events, (now + half_ms, made, _OPEN, i, turn))
            made += 1
            heappush(events, (max(free_at, now + fleet.rtt_ms) + half_ms, made, _DONE, i, turn))
        elif what == _OPEN:
            until[i] = now + nodes[i].opened(fleet.connack_ms, True) + handshake_ms
            heappush(events, (until[i], made, _OVER, i, turn))
        elif what == _OVER:
            if now < until[i]:
                continue                # the connection was made meanwhile
            tried[i] += 1               # whatever still comes of this try is void
            heappush(events, (failed(i, "timeout", now), made, _DIAL, i, 0))
        else:
            tried[i] += 1
            up += 1
            at = now - fleet.outage_ms
            if up * BUCKETS // fleet.nodes != (up - 1) * BUCKETS // fleet.nodes:
                result.curve.append((at, up))
            if up * 2 >= fleet.nodes and result.half_ms is None:
                result.half_ms = at
            if up * 100 >= fleet.nodes * 99 and result.most_ms is None:
                result.most_ms = at
            if up == fleet.nodes:
                result.all_ms = at
                break
    result.arrivals = [arrivals.get(s, 0) for s in range(max(arrivals, default=-1) + 1)]
    result.busiest_s = max(result.arrivals, default=0)
    return result
