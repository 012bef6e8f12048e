"""What tests hold in their hands: a board, its Wi-Fi, network, broker, power and ledger. Thin views of one session.

Everything that breaks something returns a handle: end() heals it, and so does leaving a `with` block; with `for_s` it is over when
the call returns. What a test leaves broken is healed at its end.
"""

from .checks.ledger import envelope
from .checks.lost import missing_of


class Board:
    """One board: what it says, and what it is told."""

    def __init__(self, bench, name):
        self._bench, self.name = bench, name

    @property
    def state(self):
        """Its connection: down, dialing, online, suspect, backoff, error; "off" before it has said anything."""
        return self._bench.state(self.name)

    def wait_online(self, within_s=45):
        """Returns when it is online; at once when it is. Raises Missed."""
        if self.state != "online":
            self.expect("it is online", within_s=within_s, ev="state", new="online")

    def expect(self, what=None, *, within_s, **event):
        """The next event of this board with these fields, such as ev="state", new="online"; src="chip" for resets and bites, src="broker"
        for what arrives from it. Raises Missed."""
        event.setdefault("src", "board")
        return self._bench.expect(what, within_s=within_s, board=self.name, **event)

    def command(self, cmd, **fields):
        """A console command; returns its answer as a dict."""
        return self._bench.command(cmd, board=self.name, **fields)

    def publish(self, topic, payload="", qos=0, retain=False):
        """A message from the broker's side, below the board's prefix."""
        self._bench.publish(topic, payload, board=self.name, qos=qos, retain=retain)

    def received(self, topic="#"):
        """What the broker side has got from it, below its prefix, oldest first: events with topic, payload, t. `topic` may end in #."""
        from .world.timeline import board_of

        got = [e for e in self._bench.events if e["src"] == "broker" and e["ev"] == "recv" and board_of(e) == self.name]
        stem = topic[:-1] if topic.endswith("#") else None
        return [e for e in got for below in ["/".join(e["topic"].split("/")[2:])] if below == topic or stem is not None and below.startswith(stem)]

    def payloads(self, topic="#"):
        """What the application published there, as far as it has arrived: bytes without the envelope, in the order in which they were handed
        over, each message once. Bare messages as they came."""
        opened = [(number, envelope(e)) for number, e in enumerate(self.received(topic))]
        order = {(o.epoch, o.seq) if o.seq is not None else (-1, number): o.payload for number, o in opened if o is not None}
        return [order[key] for key in sorted(order)]

    def fault(self, name, for_s=None, **args):
        """A fault of the catalogue, for this board only."""
        return self._bench.fault(name, boards=[self.name], for_s=for_s, **args)

    def hang(self, task="sample", how="spin"):
        """A task hangs; the watchdog has to bite."""
        return self.fault("watchdog_hang", task=task, how=how)

    def reset(self, kind="hard"):
        """Restarts it by command (hard or soft), and returns when it has started."""
        start = len(self._bench.events)
        self.command("reset", kind=kind)
        self._bench.expect("it has started", within_s=30, board=self.name, since=start, src="board", ev="boot")

    def sleep(self, seconds):
        """Sends it into deep sleep; returns when it is awake again."""
        start = len(self._bench.events)
        self.command("reset", kind="deepsleep", ms=round(seconds * 1000))
        self._bench.expect("it has woken", within_s=seconds + 30, board=self.name, since=start, src="board", ev="boot")


class _Switch:
    """Something that is off between off() and on()."""

    fault_name = ""

    def __init__(self, bench):
        self._bench, self._off = bench, None

    def off(self):
        """Switched off, until on() or the end() of the handle that it returns."""
        if self._off is None:
            self._off = self._bench.fault(self.fault_name)
        return self._off

    def on(self):
        """Switched on again. Nothing happens when it is on."""
        if self._off is not None:
            self._off.end()
            self._off = None

    def fault(self, name, for_s=None, **args):
        """Any fault of the catalogue."""
        return self._bench.fault(name, for_s=for_s, **args)


class Wifi(_Switch):
    """The boards' access point."""

    fault_name = "ap_gone"

    def away(self, for_s=None):
        """It is gone: for so long, or until the handle ends."""
        return self.fault("ap_gone", for_s)

    def throw_out(self):
        """Its stations are thrown out once (deauthentication), and may come back at once."""
        return self.fault("deauth")

    def other_password(self, for_s=None):
        """Its password is another one: the boards are thrown out and cannot join."""
        return self.fault("wrong_password", for_s)

    def no_addresses(self, for_s=None):
        """Its DHCP server keeps silent: joining works, an address does not come."""
        return self.fault("dhcp_silent", for_s)


class Network(_Switch):
    """What lies between the access point and the broker. off() swallows everything."""

    fault_name = "blackhole"

    def blackhole(self, for_s=None):
        """Packets vanish in both directions, and nothing is closed."""
        return self.fault("blackhole", for_s)

    def refused(self, for_s=None):
        """The broker's port answers with a reset (RST), and connections that stand are reset, too."""
        return self.fault("refused", for_s)

    def forget_connections(self):
        """Connections that stand are dead without a sign (half-open), new ones work: a router that lost its table."""
        return self.fault("half_open")

    def reset_connections(self):
        """Connections that stand are reset once (RST); new ones work at once."""
        return self.fault("rst")

    def loss(self, p=0.5, correlation=0.25, direction="both", for_s=None):
        """A share `p` of the packets is lost; `correlation` (0 to 1) makes that bursts. `direction`: both, up or down."""
        return self.fault("loss", for_s, p=p, correlation=correlation, direction=direction)

    def one_way(self, direction="down", for_s=None):
        """Packets vanish in one direction only, `down` (towards the board) or `up`."""
        return self.fault("one_way", for_s, direction=direction)

    def slow(self, delay_ms=400, jitter_ms=200, for_s=None):
        """Every packet takes `delay_ms` longer, and up to `jitter_ms` more."""
        return self.fault("slow_link", for_s, delay_ms=delay_ms, jitter_ms=jitter_ms)

    def no_names(self, how="silent", for_s=None):
        """The name server fails; `how`: silent, nxdomain, servfail or forged."""
        return self.fault("dns_dead", for_s, how=how)


class Broker(_Switch):
    """The broker of the run."""

    fault_name = "broker_stopped"

    def stop(self):
        """Stopped in good order, until start(): sessions are saved, connections closed."""
        return self.off()

    def start(self):
        """Started again after stop()."""
        self.on()

    def stopped(self, for_s=None):
        """Stopped in good order, and started again at the end."""
        return self.fault("broker_stopped", for_s)

    def killed(self, for_s=None):
        """Without a chance to save anything."""
        return self.fault("broker_killed", for_s)

    def publish(self, topic, payload="", qos=0, retain=False):
        """A message to every board, below its prefix."""
        self._bench.publish(topic, payload, qos=qos, retain=retain)


class Power(_Switch):
    """The boards' supply and reset lines."""

    fault_name = "power_cut"

    def cut(self, for_s=None):
        """No power, and with it no RAM and no RTC memory, until it comes back at the end."""
        return self.fault("power_cut", for_s)

    def reset(self, kind="en"):
        """Once, by one of the ways there are: en, software, brownout, panic or task_wdt."""
        return self.fault("reset", kind=kind)


class Messages:
    """The ledger, as it stands now. After settle() what is missing is lost."""

    def __init__(self, bench):
        self._bench = bench

    @property
    def all(self):
        """Every message that the application has handed over, as checks/ledger.py folds them."""
        return self._bench.ledger().messages

    @property
    def accepted(self):
        """How many messages the application has handed over."""
        return len(self.all)

    @property
    def delivered(self):
        """How many of them have arrived, at least once."""
        return sum(bool(m.received_at) for m in self.all)

    @property
    def duplicates(self):
        """How many copies arrived beyond the first of each."""
        return sum(max(0, len(m.received_at) - 1) for m in self.all)

    @property
    def dropped(self):
        """How many were reported as given up."""
        return sum(not m.received_at and m.dropped_at is not None for m in self.all)

    @property
    def waiting(self):
        """Names of those that have neither arrived nor were reported dropped."""
        return [m.key for m in self.all if not m.received_at and m.dropped_at is None and not m.memory_lost]

    @property
    def lost(self):
        """Names of those that should have arrived and did not; before settle() these may still be under way."""
        return [m.key for m in missing_of(self._bench.ledger())]

    def settle(self, within_s=45):
        """Heals everything, waits until all is in, and judges: the result, with .verdict, .numbers, .findings."""
        return self._bench.finish(within_s)
