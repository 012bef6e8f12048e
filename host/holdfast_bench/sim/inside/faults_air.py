"""Faults of frames and connections between chip and broker: see fault.py. May use: the rig, world/."""

from ...world import air
from .fault import Fault


class _AirFault(Fault):
    """A rule on the air, shown by frames that it has hit. `way`: where, of several: "wifi" (the default), "lan", "wifi1", "wifi2"."""

    def begin(self):
        way = self.args.get("way") or "wifi"
        self.air = self.rig.airs[way if way in ("lan", "ppp") else "wifi"]
        self.lost_before = self.air.lost
        self.rule = self.make()
        self._added = self.air.add(air.OnlyAt(self.rule, self.rig.chip.wifi, self.rig.ether.aps[int(way[4:]) - 1]) if way[4:] else self.rule)

    def end(self):
        self.air.remove(self._added)

    def evidence(self):
        lost = self.air.lost - self.lost_before
        return "%d frames lost" % lost if lost else None


class Blackhole(_AirFault):
    def make(self):
        return air.Blackhole()


class OneWay(_AirFault):
    def make(self):
        return air.Blackhole(self.args.get("direction", air.DOWN))


class Loss(_AirFault):
    def make(self):
        return air.Loss(self.rng, self.args.get("p", 0.5), self.args.get("correlation", 0.25), self.args.get("direction", air.BOTH))


class Reorder(_AirFault):
    def make(self):
        return air.Reorder(self.rng, self.args.get("p", 0.1), self.args.get("late_ms", 50))

    def evidence(self):
        return "frames overtake each other"


class Duplicates(_AirFault):
    def make(self):
        return air.Duplicate(self.rng, self.args.get("p", 0.1))

    def evidence(self):
        return "frames arrive twice"


class SlowLink(_AirFault):
    def make(self):
        self.made_before = self.rig.kernel.now_ms
        return air.Delay(self.rng, self.args.get("delay_ms", 400), self.args.get("jitter_ms", 200))

    def evidence(self):
        return "every frame takes %d ms longer" % self.rule.ms


class JitteryLink(_AirFault):
    def make(self):
        return air.Jitter(self.rng, self.args.get("profile", "lte"))

    def evidence(self):
        return "delays vary"


class ConnectTimeout(_AirFault):
    """Standing connections are reset; SYNs vanish."""

    def make(self):
        for host in self.rig.broker_hosts():
            host.reset_all()
        return air.Blackhole(kinds=(air.SYN,))


class HalfOpen(_AirFault):
    def make(self):
        self.flows = len(self.rig.chip.stack.flows)
        return air.Forgotten(self.rig.chip.stack.flows)

    def evidence(self):
        return "%d standing connections are dead" % self.flows if self.flows else None


class Refused(Fault):
    group = "refused"

    def begin(self):
        for host in self.rig.broker_hosts():
            host.refusing = True
            host.reset_all()

    def end(self):
        for host in self.rig.broker_hosts():
            host.refusing = False

    def evidence(self):
        return "every connection is answered by RST" if self.rig.broker_hosts()[0].refusing else None


class Rst(Fault):
    """Standing connections are reset once."""

    def begin(self):
        self.hit = 0
        for host in self.rig.broker_hosts():
            self.hit += len(host.peers)
            host.reset_all()

    def evidence(self):
        return "%d connections reset" % self.hit if self.hit else None
