"""Faults of the broker: see fault.py. May use: the rig, world/."""

from ...world.tcp_host import Host
from .fault import Fault


class BrokerStopped(Fault):
    group = "broker process"
    keep = True

    def begin(self):
        which = self.args.get("which", 0)
        self.brokers = self.rig.brokers if which == 0 else [self.rig.brokers[which - 1]]
        for broker in self.brokers:
            broker.stop(self.keep)

    def end(self):
        for broker in self.brokers:
            broker.start()

    def evidence(self):
        return None if self.brokers[0].running() else "nothing listens"


class BrokerKilled(BrokerStopped):
    keep = False


class BrokerMoved(Fault):
    """The first broker's name leads to another address from now on; at the old one nobody answers."""

    def begin(self):
        rig = self.rig
        entry = rig.spec["brokers"][0]
        old = rig.brokers[0]
        old.stop()
        old.host.up = False
        self.ip = "10.73.0.%d" % (len(rig.hosts) + 20)
        rig.hosts[self.ip] = old.host = Host(rig.kernel)
        name = entry["name"].lower()
        first = [entry["ip"]] if self.args.get("listed") else []
        rig.dns.names[name] = (first + [self.ip], entry.get("ttl_s", 60))
        rig.chip.resolver.mdns[name + ".local"] = self.ip
        old.start()

    def evidence(self):
        return "the broker is at %s" % self.ip


class _BrokerFault(Fault):
    """Hooks of the built-in broker; healed together."""

    group = "broker hooks"

    def each(self):
        return [broker.broker for broker in self.rig.brokers]

    def end(self):
        for broker in self.each():
            broker.faults.clear()


class ConnackWithheld(_BrokerFault):
    def begin(self):
        for broker in self.each():
            broker.faults.withhold_connack()
            broker.kick()

    def evidence(self):
        held = sum([broker.faults.held for broker in self.each()])
        return "%d CONNECTs not answered" % held if held else None


class AcksLost(_BrokerFault):
    def begin(self):
        for broker in self.each():
            broker.faults.drop_acks(self.args.get("count", -1))

    def evidence(self):
        dropped = sum([broker.faults.dropped for broker in self.each()])
        return "%d acknowledgements not sent" % dropped if dropped else None


class AcksLate(_BrokerFault):
    def begin(self):
        for broker in self.each():
            broker.faults.delay_acks(self.args.get("delay_ms", 3000))

    def evidence(self):
        return "acknowledgements are late"


class BrokerKicks(_BrokerFault):
    """Every connection is closed soon after its CONNACK."""

    def begin(self):
        for broker in self.each():
            broker.faults.kick(self.args.get("after_ms", 0))
            broker.kick()

    def evidence(self):
        kicked = sum([broker.faults.kicked for broker in self.each()])
        return "%d connections closed" % kicked if kicked else None


class PacketCut(_BrokerFault):
    """The next packet of a kind ends in the middle, and the connection with it."""

    def begin(self):
        for broker in self.each():
            broker.faults.cut_packet(self.args.get("kind", "puback"), self.args.get("at", 1))

    def evidence(self):
        cut = sum([broker.faults.cut for broker in self.each()])
        return "%d packets cut" % cut if cut else None

    def call_off(self):
        for broker in self.each():
            broker.faults.cut_none()


class Takeover(_BrokerFault):
    """Somebody else connects under the node's name for a moment: the broker ends the node's connection."""

    def begin(self):
        self.hit = sum([broker.kick() for broker in self.each()])

    def evidence(self):
        return "%d connections taken over" % self.hit if self.hit else None


class LoginRefused(_BrokerFault):
    def begin(self):
        for broker in self.each():
            broker.faults.refuse(self.args.get("code", 5))
            broker.kick()

    def evidence(self):
        refused = sum([broker.faults.refused for broker in self.each()])
        return "%d logins refused" % refused if refused else None


class BrokerHangs(_BrokerFault):
    def begin(self):
        for broker in self.each():
            broker.faults.stop_reading()

    def evidence(self):
        return "the broker reads nothing" if self.each()[0].faults.deaf else None


class BrokerForgetsSession(_BrokerFault):
    def begin(self):
        for broker in self.each():
            broker.forget()

    def end(self):
        pass

    def evidence(self):
        return "sessions forgotten"
