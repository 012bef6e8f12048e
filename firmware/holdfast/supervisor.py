# supervisor.py - keeps the node connected: drives path, transport and session by the state table, and seeks the cause.
# May import: asyncio, and everything of the connection (errors, states, ladder, retry, rtt, session, transport, endpoint).
# Time: ticks. One task sleeps until its next deadline or until the bell; a second one waits for bytes.
# Blocks: for DNS, asked only when the remembered address fails; path.py says what the radio costs.
from asyncio import core, create_task
from micropython import const
from random import getrandbits
from time import ticks_diff, ticks_ms

from .bell import Bell
from .endpoint import Endpoint
from .errors import Fault, translate
from .ladder import climb
from .retry import Target
from .rtt import Rtt
from .states import follow

_DNS_MS = const(22000)  # getaddrinfo at its worst: three servers that do not answer
_POLL_MS = const(60)  # the port has no event for joining; looked at while associating only
_TURN_MS = const(20000)  # longest sleep: the watchdog wants to see the task alive
# In the resume record: rung of the ladder in use and how often each was used; back-off of the Wi-Fi; broker in use.
_LADDER = const(33)
_LADDER_FORM = "B4B"
_WIFI = const(40)
_WIFI_FORM = ">BBH"
_BROKER = const(38)


def _chance():
    return getrandbits(29)


# Waits on asyncio's I/O queue. queue: queue_read or queue_write.
def _io(queue, sock):
    yield queue(sock)


class Supervisor:
    # node: told what happens: emit(event, fields), error(kind, cause), deliver(topic, payload); has router, verbose, reset().
    def __init__(self, cfg, prefix, outbox, path, watchdog, node):
        self._cfg = cfg
        self._box = outbox
        self._block = block = outbox.block
        self._stamp = stamp = outbox.clock.stamp
        self._path = path
        self._watchdog = watchdog
        self._node = node
        self._beat = watchdog.watch("link", cfg["link_limit_s"] * 1000)
        self.bell = Bell()
        self.rtt = Rtt(cfg["suspect_ms"], cfg["probe_ms"])
        self._prefix = prefix
        self._chosen = self._speaks = self.session = None
        self._in = bytearray(256)
        self._reader = self._writer = self._fault = None
        self.state = "down"
        self.stopping = False
        self._wifi = Target(cfg)
        self._wifi.unpack(*block.peek(_WIFI, _WIFI_FORM), ticks_ms(), stamp())
        brokers = cfg["brokers"]
        self._ends = [Endpoint(cfg, brokers[i], i, block, stamp()) for i in range(len(brokers))]
        self.at = block.peek(_BROKER, "B")[0] % len(brokers)  # the broker in use
        self._choose()
        self._outage = stamp()
        self._climbed_s = 0  # length of the outage when the ladder was last used
        self._useful = False
        self._wanted = []  # subscriptions to ask for
        self._subscribed = -1  # the broker that has confirmed all of them
        self.connects = self.faults = 0

    # ---- one step per state, until stopped

    async def run(self):
        while not self.stopping:
            self._beat()
            try:
                if self.state == "down":
                    await self._raise_path()
                elif self.state == "dialing":
                    await self._dial()
                elif self.state == "online" or self.state == "suspect":
                    await self._serve()
                else:
                    await self._rest()
            except Exception as e:
                self._failed(translate(e, self.state == "dialing"))
        self._hang_up()
        self._path.close()
        self._to("stopped")

    def _to(self, event, why=None):
        old = self.state
        self.state = follow(old, event)
        self._node.emit("state", {"old": old, "new": self.state, "why": why or event})

    # Sleeps until rung, at most ms.
    async def _sleep(self, ms):
        await self.bell.wait(min(ms, _TURN_MS))
        self._beat()

    # Transport and session as the broker in use wants them.
    def _choose(self):
        end = self._ends[self.at]
        if self._chosen is end:
            return
        self._chosen = end
        self._tcp = end.transport()
        if self._speaks != end.broker["protocol"]:
            self._speaks = end.broker["protocol"]
            if self._speaks == "frames":
                from .session_frames import FrameSession as Session
            else:
                from .session import Session
            former = self.session
            self.session = Session(self._cfg, self._prefix, self._box, self.rtt, self)
            if former:
                self.session.retained = former.retained

    def _outage_ms(self):
        return (self._stamp() - self._outage) * 100

    # The resume record as of now.
    def _save(self):
        stamp = self._stamp()
        self._block.poke(_WIFI, _WIFI_FORM, *self._wifi.pack(ticks_ms(), stamp))
        for end in self._ends:
            end.save(stamp)
        self._block.commit()

    # ---- down: until there is a path

    async def _raise_path(self):
        path = self._path
        wifi = self._wifi
        while not path.up():
            wait = wifi.wait_ms(ticks_ms())
            if wait:
                await self._sleep(wait)
            elif not await self._associate():
                wifi.failed("wifi", self._outage_ms(), ticks_ms(), _chance)
                self._climb()
                self._save()
            if self.stopping:
                return
        path.learn()
        wifi.succeeded()
        self._save()
        self._node.emit("link", {"up": True, "ip": path.address()})
        self._ends[self.at].target.hurry()
        self._to("path_up")

    # One attempt at the Wi-Fi, with its own time limit. True when it led to an address.
    async def _associate(self):
        path = self._path
        limit = path.begin()
        began = ticks_ms()
        while not self.stopping:
            await self._sleep(_POLL_MS)
            if path.up():
                return True
            if not path.associating(ticks_diff(ticks_ms(), began), limit):
                break
        path.missed()
        return False

    # ---- dialing: until the broker has accepted the session

    async def _dial(self):
        end = self._ends[self.at]
        wait = end.target.wait_ms(ticks_ms())
        if wait:
            return self._to("wait")
        if not self._path.up():
            raise Fault("link", "no path")
        self._choose()
        self._tcp.dial(end.address(self._before_dns))
        # Most tries are short, so that when the network comes back the next SYN is never far; some suit a slow network.
        n = end.target.attempt
        limit = max(self._cfg["dial_ms"], self.rtt.worst_ms * 4) * (6 if n % 9 == 8 else 3 if n == 0 else 2 if n % 3 == 2 else 1)
        began = ticks_ms()
        self._await_room()
        while self._writer:
            left = limit - ticks_diff(ticks_ms(), began)
            if left <= 0:
                raise Fault("timeout", "no answer in %d ms" % limit)
            await self._sleep(left)
            if self.stopping:
                return
        self._tcp.read(self._in, True)  # nothing has come, but a connection that failed says so
        self._wanted = list(self._node.router.patterns)
        self.session.begin(ticks_ms(), end.broker, end.patient)
        self._flush()
        self._reader = create_task(self._read())
        await self._serve()

    def _before_dns(self):
        self._watchdog.check()
        self._beat.grace(_DNS_MS)

    # Lets a task wait until the socket takes bytes (or has failed), then rings.
    def _await_room(self):
        if not self._writer:
            self._writer = create_task(self._room(self._tcp.sock))

    async def _room(self, sock):
        await _io(core._io_queue.queue_write, sock)
        self._writer = None
        self.bell.ring()

    # ---- the session, from the open connection on: dialing, online, suspect

    async def _serve(self):
        session = self.session
        until = None
        while True:
            if self._fault:
                raise self._fault
            now = ticks_ms()
            left = session.tick(now)
            if session.late and self.state == "online":
                self._to("late")
            if session.up:
                if self._wanted and session.subscribe(self._wanted, now):
                    self._wanted = []
                if not self._useful and session.proven and ticks_diff(now, self._online_at) >= self._cfg["useful_ms"]:
                    self._recovered()
            if self.stopping:
                if until is None:
                    until = now
                    session.farewell()
                left = self._cfg["stop_ms"] - ticks_diff(now, until)
                if left <= 0 or not session.owed():
                    session.disconnect()
                    return self._flush()
            session.pump(now)
            self._flush()
            self._box.commit()
            await self._sleep(left)

    # Bytes are handled where they arrive, so that an acknowledgement at once lets the next message go.
    async def _read(self):
        session = self.session
        data = memoryview(self._in)
        try:
            while True:
                await _io(core._io_queue.queue_read, self._tcp.sock)
                n = len(data)
                while n == len(data):  # a datagram, or what TLS holds, may be more
                    n = self._tcp.read(self._in, False)
                    if not n:
                        break
                    now = ticks_ms()
                    session.receive(data, n, now)
                    if self.state == "suspect":
                        self._to("answer")
                    session.pump(now)
                    self._flush()
                    self._box.commit()
        except Exception as e:
            self._fault = translate(e, False)
            self.bell.ring()

    def _flush(self):
        out = self.session.out
        while out.end:
            n = self._tcp.write(out.pending())
            if not n:
                return self._await_room()
            out.wrote(n)
            if not out.end:
                self._box.written()
                self.session.pump(ticks_ms())

    # ---- what the session tells

    def accepted(self, present):
        end = self._ends[self.at]
        self.connects += 1
        self._online_at = ticks_ms()
        if present and self._subscribed == self.at:
            self._wanted = []
        self._block.poke(_BROKER, "B", self.at)
        end.confirm()
        self._box.dirty = True
        self._to("accepted", "session kept" if present else "new session")

    def acked(self, seq):
        if self._node.verbose:
            self._node.emit("ack", {"i": seq})

    def sent(self, seq, dup):
        if self._node.verbose:
            self._node.emit("sent", {"i": seq, "dup": int(dup)})

    # refused: patterns the broker does not let us have.
    def subscribed(self, refused):
        self._subscribed = self.at
        for pattern in refused:
            self._node.error("rejected", "subscription " + pattern)

    def message(self, topic, payload):
        self._node.deliver(topic, payload)

    # Something bare to be told to the receivers, once, if they are there.
    def tell(self, topic, payload, flags=1):
        self.session.note(topic, payload, flags)
        self.bell.ring()

    # A pattern was added while running.
    def want(self, pattern, qos):
        self._subscribed = -1
        self._wanted.append((pattern, qos))
        self.bell.ring()

    # R1: only an acknowledged message and a while online end the outage; CONNACK alone does not.
    def _recovered(self):
        self._useful = True
        self._ends[self.at].target.succeeded()
        self._climbed_s = 0
        self._block.poke(_LADDER, _LADDER_FORM, 0, 0, 0, 0, 0)
        self._save()

    # ---- failures

    def _failed(self, fault):
        kind, cause = fault.args
        end = self._ends[self.at]
        self._useful = False
        if self.session.up:
            self._outage = self._stamp()
        self.faults += 1
        self._node.error(kind, cause)
        if kind == "closed" and self.state == "dialing":
            end.patient = not end.patient  # it may not like messages before its CONNACK: the next try waits
        self._hang_up()
        now = ticks_ms()
        if self.state == "down":
            self._wifi.failed("wifi", self._outage_ms(), now, _chance)
            return self._climb()
        if not self._path.up():
            self._node.emit("link", {"up": False, "why": kind})
            return self._to("path_down", kind)
        follows = end.target.failed(kind, self._outage_ms(), now, _chance)
        if follows:
            end.doubt()
        if follows == "next" or follows == "bar":
            self.at = (self.at + 1) % len(self._ends)
        self._save()
        barred = self._cfg["open_ms"]
        for other in self._ends:
            if other.target.wait_ms(now) <= barred:
                barred = 0
        self._to("barred" if barred else "failed", kind)
        if follows == "climb":
            self._climb()

    def _hang_up(self):
        for task in (self._reader, self._writer):
            if task:
                task.cancel()
        self._reader = self._writer = self._fault = None
        self._tcp.close()
        self.session.up = self.session.late = False

    # The trouble may lie deeper: takes the rung of the ladder that the length of the outage allows.
    def _climb(self):
        block = self._block
        rung, *counts = block.peek(_LADDER, _LADDER_FORM)
        outage_s = self._outage_ms() // 1000
        rung = climb(outage_s, self._climbed_s, rung, counts[2], self._cfg["reset_after_s"])
        if not rung:
            return
        self._climbed_s = outage_s
        counts[rung - 1] = min(counts[rung - 1] + 1, 255)
        block.poke(_LADDER, _LADDER_FORM, rung, *counts)
        self._save()
        self._node.emit("ladder", {"rung": rung, "outage_s": outage_s})
        if rung == 3:
            self._node.reset("ladder")
        if sum(counts) > 1:
            self._path.forget()
        if rung == 2:
            self._path.cycle()
        else:
            self._path.close()
        if self.state != "down":
            self._to("path_down", "ladder")

    # ---- backoff and error: until the next try is due

    async def _rest(self):
        while not self.stopping:
            wait = self._ends[self.at].target.wait_ms(ticks_ms())
            if not self._path.up():
                return self._to("path_down")
            if not wait:
                return self._to("due")
            await self._sleep(wait)
