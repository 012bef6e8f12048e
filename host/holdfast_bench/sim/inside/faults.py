"""The fault catalogue's mechanisms in the modelled world: one class a symptom, under the name scenarios use.

A fault has begin(), end() (not for momentary ones) and evidence(): text that shows that it took effect, or None for
now. May use: the rig, world.air.
"""

from ...world import air
from ...world.kernel import ChipReset
from ...world.tcp_host import Host
from .lives import OFF


class Fault:
    group = None        # faults of one group share a state of the world: it is healed when the last of them ends

    def __init__(self, rig, own_id, args):
        self.rig, self.args = rig, args
        self.rng = rig.rng("fault " + own_id)
        self.lost_before = rig.air.lost

    def begin(self):
        pass

    def end(self):
        pass

    def evidence(self):
        return None

    def call_off(self):
        """Everything is healed: what still waits for its moment does not come any more."""


class ApGone(Fault):
    group = "access point"

    def begin(self):
        which = self.args.get("which", 1)
        self.aps = [ap for i, ap in enumerate(self.rig.ether.aps) if which in (0, i + 1)]
        for ap in self.aps:
            ap.off()

    def end(self):
        for ap in self.aps:
            ap.on()

    def evidence(self):
        return None if self.aps[0].up else "the access point does not answer"


class CablePulled(Fault):
    """The Ethernet cable is out."""

    group = "cable"

    def begin(self):
        self.rig.cable.pull()

    def end(self):
        self.rig.cable.plug()

    def evidence(self):
        return None if self.rig.cable.plugged or self.rig.chip.lan.link else "the interface has lost its link"


class ModemGone(Fault):
    """The modem has no power, or its line is cut."""

    group = "modem"

    def begin(self):
        self.rig.modem.remove()

    def end(self):
        self.rig.modem.put_back()

    def evidence(self):
        return None if self.rig.modem.there else "the modem does not answer"


class SignalLost(Fault):
    """The modem hears no network."""

    group = "signal"

    def begin(self):
        self.rig.modem.set_signal(False)

    def end(self):
        self.rig.modem.set_signal(True)

    def evidence(self):
        return None if self.rig.modem.signal else "the modem hears no network"


class Deauth(Fault):
    """The access point throws its stations out once."""

    def begin(self):
        self.rig.ap.deauth()

    def evidence(self):
        return "stations were thrown out"


class ApMoved(Fault):
    """The access point starts again on another channel."""

    def begin(self):
        was_up = self.rig.ap.up
        self.rig.ap.off()
        self.rig.ap.channel = self.args.get("channel", 11)
        if was_up:
            self.rig.ap.on()

    def evidence(self):
        return "it is on channel %d" % self.rig.ap.channel


class LeaseChanged(Fault):
    """The DHCP server gives the chip another address from now on, and the old one leads nowhere."""

    def begin(self):
        self.rig.move_lease(self.args.get("ip", "10.73.0.99"))

    def evidence(self):
        return "the chip's address is %s" % self.rig.dhcp.lease.ip


class DhcpSilent(Fault):
    group = "dhcp"

    def begin(self):
        self.rig.dhcp.silent = True

    def end(self):
        self.rig.dhcp.silent = False

    def evidence(self):
        return "the DHCP server does not answer" if self.rig.dhcp.silent else None


class WrongPassword(Fault):
    """The access point's key is another one now; stations have to join again."""

    group = "key"

    def begin(self):
        self.right = self.rig.spec["wifi"]["key"]
        self.rig.ap.key = self.right + "-changed"
        self.rig.ap.deauth()

    def end(self):
        self.rig.ap.key = self.right

    def evidence(self):
        return None if self.rig.ap.key == self.right else "the access point has another key"


class DnsDead(Fault):
    group = "dns"

    def begin(self):
        self.rig.dns.mode = self.args.get("how", "silent")

    def end(self):
        self.rig.dns.mode = "ok"

    def evidence(self):
        return None if self.rig.dns.mode == "ok" else "the name server is %s" % self.rig.dns.mode


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


class ConnectTimeout(_AirFault):
    """Standing connections are reset; SYNs vanish."""

    def make(self):
        for host in self.rig.broker_hosts():
            host.reset_all()
        return air.Blackhole(kinds=(air.SYN,))


class BrokerKilled(BrokerStopped):
    keep = False


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


class PowerCut(Fault):
    group = "power"

    def begin(self):
        self.rig.powered = False
        self.rig.kernel.halt(ChipReset(OFF, "power cut"))

    def end(self):
        self.rig.powered = True

    def evidence(self):
        return None if self.rig.powered else "the supply is off"


class PowerCutMidWrite(Fault):
    """RTC memory keeps its power, the processor loses it after byte `at` of the next write; as at the edge of a brown-out."""

    def begin(self):
        self.writes = self.rig.chip.rtc.writes
        at = self.args.get("at", -1)
        self.rig.chip.rtc.tear_next(at if at >= 0 else self.rng.below(2049), ChipReset("panic", "cut in the middle of a write"))

    def evidence(self):
        return "an RTC write was cut off" if self.rig.chip.rtc.writes > self.writes else None

    def call_off(self):
        self.rig.chip.rtc.tear_none()


class RtcCorrupt(Fault):
    """Bits of RTC memory flip while the chip is reset: a running program would put its own copy over them."""

    def begin(self):
        data = self.rig.chip.rtc.data
        for _ in range(self.args.get("bits", 8)):
            data[self.rng.below(len(data))] ^= 1 << self.rng.below(8)
        self.rig.history.chip("corrupt")
        self.rig.tally.memory_lost()
        self.rig.kernel.halt(ChipReset("panic", "bits of RTC memory have flipped"))

    def evidence(self):
        return "%d bits flipped" % self.args.get("bits", 8)


class Reset(Fault):
    """`kind`: software, en, brownout, panic, task_wdt."""

    def begin(self):
        self.rig.kernel.halt(ChipReset(self.args.get("kind", "en"), "reset by the bench"))

    def evidence(self):
        return "reset"


class ClockSetBack(Fault):
    def begin(self):
        seconds, us = self.rig.chip.clock.now()
        self.before = seconds
        self.rig.chip.clock.set(max(0, seconds - self.args.get("seconds", 3600)), us)

    def evidence(self):
        return "the clock went back" if self.rig.chip.clock.now()[0] < self.before else None


class ClockSet(Fault):
    """Somebody sets the chip's clock, as NTP does."""

    def begin(self):
        self.rig.chip.clock.set((self.args.get("year", 2026) - 2000) * 31557600 + self.rng.below(1000000), 0)

    def evidence(self):
        return "the clock was set"


class UartNoise(Fault):
    """Noise on the line to the chip. Ctrl-C is left out: it does what it does everywhere."""

    def begin(self):
        data = self.rng.fill(self.args.get("n", 100)).replace(b"\x03", b"")  # a list would be big
        self.rig.chip.console.feed(data)

    def evidence(self):
        return "noise was sent"


class WatchdogHang(Fault):
    """A task of the application hangs: the console command does it."""

    def begin(self):
        self.reply = None
        self.rig.tap.command({"cmd": "hang", "task": self.args.get("task", "sample"), "how": self.args.get("how", "spin")}, self._done)

    def _done(self, reply):
        self.reply = reply

    def evidence(self):
        return "the board has confirmed that it hangs" if self.reply and self.reply.get("ok") else None


class PowerCutMidFlash(Fault):
    """The power goes after some bytes more written to flash, and is back at once."""

    def begin(self):
        self.before = self.rig.chip.flash.cuts
        at = self.args.get("at", -1)
        self.rig.chip.flash.cut_in(self.rng.below(4800) if at < 0 else at, ChipReset("power_on", "cut in a write to flash"))

    def evidence(self):
        return "a write to flash was cut off" if self.rig.chip.flash.cuts > self.before else None

    def call_off(self):
        self.rig.chip.flash.cut_off()


CATALOGUE = {
    "ap_gone": ApGone, "cable_pulled": CablePulled, "modem_gone": ModemGone, "signal_lost": SignalLost, "dhcp_silent": DhcpSilent, "wrong_password": WrongPassword, "dns_dead": DnsDead, "blackhole": Blackhole,
    "one_way": OneWay, "loss": Loss, "slow_link": SlowLink, "jittery_link": JitteryLink, "half_open": HalfOpen, "refused": Refused, "rst": Rst,
    "broker_stopped": BrokerStopped, "broker_killed": BrokerKilled, "connack_withheld": ConnackWithheld, "acks_lost": AcksLost,
    "login_refused": LoginRefused, "broker_hangs": BrokerHangs, "broker_forgets_session": BrokerForgetsSession,
    "power_cut": PowerCut, "power_cut_mid_write": PowerCutMidWrite, "power_cut_mid_flash": PowerCutMidFlash, "rtc_corrupt": RtcCorrupt, "reset": Reset,
    "clock_set_back": ClockSetBack, "clock_set": ClockSet, "watchdog_hang": WatchdogHang, "uart_noise": UartNoise,
    "reorder": Reorder, "duplicates": Duplicates, "acks_late": AcksLate, "broker_kicks": BrokerKicks, "packet_cut": PacketCut,
    "takeover": Takeover, "deauth": Deauth, "ap_moved": ApMoved, "lease_changed": LeaseChanged,
    "broker_moved": BrokerMoved, "connect_timeout": ConnectTimeout,
}
