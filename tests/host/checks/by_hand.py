"""Histories written by hand, in few words, and what the laws say of them."""

from holdfast_bench.checks import judge

PLAN = {"scenario": "hand", "seed": 1, "boards": ["b1"], "actions": [
    {"id": "outage", "do": "fault", "boards": ["b1"], "momentary": False, "resets": False},
    {"id": "outage.end", "do": "end", "of": "outage"},
    {"id": "hang", "do": "fault", "boards": ["b1"], "momentary": True, "resets": True},
    {"id": "cut", "do": "fault", "boards": ["b1"], "momentary": False, "resets": True},
]}


class Story:
    """Writes a history in few words; each call is 100 ms after the one before."""

    def __init__(self, life="a1"):
        self.events, self.t, self.life, self.seq = [], 0, life, 0
        self.chip("reset", cause="power")
        self.boot(life)

    def add(self, src, ev, **fields):
        self.t += 100
        self.events.append({"t": self.t, "src": src, "ev": ev, **fields})
        return self

    def boot(self, life, epoch=1):
        """epoch: of RTC memory; a new one begins its numbers anew."""
        self.life = life
        if epoch > 1:
            self.seq = 0
        return self.add("board/b1", "boot", life=life, epoch=epoch, cause=1)

    def chip(self, ev, **fields):
        return self.add("chip/b1", ev, **fields)

    def bench(self, ev, **fields):
        return self.add("bench", ev, **fields)

    def state(self, old, new):
        return self.add("board/b1", "state", old=old, new=new, why="test")

    def accept(self, *numbers, **fields):
        for n in numbers:
            self.seq += 1
            self.add("board/b1", "accept", life=self.life, n=n, i=self.seq, **fields)
        return self

    def recv(self, *numbers, life=None):
        for n in numbers:
            self.add("broker", "recv", topic="h/b1/sensor/n", payload="%s:%d 21.5" % (life or self.life, n), qos=1, retain=False, dup=False)
        return self

    def drained(self, ok=True):
        self.bench("cut")
        return self.bench("drained", ok=ok, within_ms=1000, missing="2 messages")

    def judge(self, **plan):
        return judge(self.events, {**PLAN, **plan})


def laws(result):
    return [(f.law, f.verdict) for f in result.findings]
