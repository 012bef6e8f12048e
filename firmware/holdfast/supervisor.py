# supervisor.py - keeps the node connected: drives path, wire and session by the state table, and seeks the cause of trouble.
# May import: asyncio, and everything of the connection (errors, states, ladder, retry, rtt, session,
# session_frames, session_raw, subscriptions, wire, endpoint, failover, bell).
# Time: ticks. One task sleeps until its next deadline or until the bell.
# Blocks: for DNS, when remembered addresses fail and lookup.py got no answer; path.py says what the radio costs.
from asyncio import sleep_ms
import gc
from micropython import const
from random import getrandbits
from time import ticks_diff, ticks_ms

from .bell import Bell
from .endpoint import Endpoint
from .errors import Fault, translate
from .ladder import leave, next_rung
from .retry import Target
from .rtt import Rtt
from .states import follow
from .subscriptions import Subscriptions
from .wire import Wire

_DNS_MS = const(22000)  # getaddrinfo at its worst: three servers that do not answer
_POLL_MS = const(30)  # the port has no event for joining; looked at while associating only
_LINGER_MS = const(50)  # what was written last leaves the chip before the radio goes off
_TURN_MS = const(20000)  # longest sleep: the watchdog wants to see the task alive
_DOUBT_MS = const(13000)  # a Wi-Fi that is gone has been noticed by then: asking DNS over it would block for seconds
_ELSEWHERE = ("timeout", "refused", "gone")  # what another address of the same broker may be better at
_STUCK_MS = const(300000)  # let in and dropped for so long: what the broker has kept of the session may be what it stumbles over
_SWITCH_MS = const(2000)  # for acknowledgements still to come, before another broker is turned to
# In the resume record: back-off of the Wi-Fi; broker in use (3 bits) and how many sessions began anew (4 bits).
_WIFI = const(40)
_WIFI_FORM = const(">BBH")
_BROKER = const(38)


def _chance():
    return getrandbits(29)


class Supervisor:
    # node: told what happens: emit(event, fields), error(kind, cause), deliver(topic, payload), settled(); has router, verbose, reset().
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
        if path.many:
            self.rtt = path.rtt
            path.owned(self, node)
        else:
            self.rtt = Rtt(cfg["suspect_ms"], cfg["pingresp_ms"], cfg["probe_ms"])
        self._moving = None  # why the path is to be changed
        self._prefix = prefix
        self._speaks = self.session = None
        self._wire = Wire(outbox, self.bell, self._heard)
        self.state = "down"
        self.stopping = False
        self.last_word = "offline"  # what the status topic says when the node has stopped
        self._wifi = Target(cfg)
        self._wifi.unpack(*block.peek(_WIFI, _WIFI_FORM), ticks_ms(), stamp())
        brokers = cfg["brokers"]
        server = path.dns if path.many else lambda: path.wlan.ifconfig()[3]
        self.ends = [Endpoint(cfg, brokers[i], i, block, stamp(), server) for i in range(len(brokers))]
        self.at = 0 if block.fresh else (block.peek(_BROKER, "B")[0] & 7) % len(brokers)  # the broker in use
        self._choose()
        self._offer = None  # (number of another broker, transport that is connected to it)
        self._failover = None
        self._outage = stamp()
        self._climbed_s = 0  # length of the outage when the ladder was last used
        self._was_up = False  # the path, in this life: the first time, waits that a reset interrupted go on
        self._useful = False
        self._tried_at = None  # ticks at which the attempt began that is not yet a session
        self._kept = None  # where the broker had kept the session: how many messages had been acknowledged when it let us in
        self._subscriptions = Subscriptions()
        self.tries = self.connects = self.faults = 0
        self.recoveries = self.offline = 0  # outages that ended, and how long they took together, in stamps

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
                try:
                    self._failed(translate(e, self.state == "dialing"))
                except Exception as e:
                    await self._confused(e)
        self._hang_up()
        await sleep_ms(_LINGER_MS)
        self._path.close()
        self._to("stopped")

    # An error of ours, or no memory even for handling one: begins again from the bottom.
    async def _confused(self, e):
        self._hang_up()
        self.state = "down"
        await self._sleep(1000)
        self._node.error("app", repr(e))

    def _to(self, event, why=None):
        old = self.state
        self.state = follow(old, event)
        self._node.emit("state", {"old": old, "new": self.state, "why": why or event})

    # Sleeps until rung, at most ms.
    async def _sleep(self, ms):
        await self.bell.wait(min(ms, _TURN_MS))
        self._beat()

    # The session that the broker in use wants.
    def _choose(self):
        speaks = self.ends[self.at].broker["protocol"]
        if self._speaks != speaks:
            self._speaks = speaks
            if speaks == "frames":
                from .session_frames import FrameSession as Session
            elif speaks == "raw":
                from .session_raw import RawSession as Session
            else:
                from .session import Session
            former = self.session
            self.session = self._wire.session = Session(self._cfg, self._prefix, self._box, self.rtt, self)
            if former:
                self.session.retained = former.retained

    def _outage_ms(self):
        return (self._stamp() - self._outage) * 100

    # The resume record as of now.
    def _save(self):
        stamp = self._stamp()
        self._block.poke(_WIFI, _WIFI_FORM, *self._wifi.pack(ticks_ms(), stamp))
        for end in self.ends:
            end.save(stamp)
        self._block.commit()

    # ---- down: until there is a path

    async def _raise_path(self):
        path = self._path
        wifi = self._wifi
        took = 0
        while not path.up():
            wait = wifi.wait_ms(ticks_ms())
            if wait:
                await self._sleep(wait)
                continue
            took = await self._associate()
            if not took:
                wifi.failed("wifi", self._outage_ms(), 0, ticks_ms(), _chance)
                self._climb()
                self._save()
            if self.stopping:
                return
        path.learn(took)
        wifi.succeeded()
        self._save()
        told = {"up": True, "ip": path.address()}
        if path.many:
            told["path"] = path.name
        self._node.emit("link", told)
        if self._was_up:
            self.hurry()
        self._was_up = True
        self._to("path_up")

    # Something has changed for the better: no waiting, but for an open breaker.
    def hurry(self):
        for end in self.ends:
            end.target.hurry()
        self.bell.ring()

    # One attempt at the Wi-Fi, with its own time limit. How many ms it took to get an address; 0: none.
    async def _associate(self):
        path = self._path
        limit = path.begin()
        began = ticks_ms()
        while not self.stopping:
            await self._sleep(_POLL_MS if path.settling else 0)
            gone = ticks_diff(ticks_ms(), began)
            if path.up():
                return gone + 1
            if not path.associating(gone, limit):
                break
            path.settling = True
        path.missed()
        return 0

    # ---- dialing: until the broker has accepted the session

    async def _dial(self):
        wire = self._wire
        end = self.ends[self.at]
        now = ticks_ms()
        warm = self._offer
        wait = 0 if warm else end.target.wait_ms(now)
        if wait:
            return self._to("wait")
        if not self._path.up():
            raise Fault("link", "no path")
        self._tried_at = now
        self.tries += 1
        self._choose()
        if self._offer:
            wire.adopt(self._offer[1])
            self._offer = None
        else:
            stamp = self._stamp()
            if end.due(stamp):
                await end.find(stamp)
                self._tried_at = ticks_ms()  # waiting for that has kept nothing else from its work
            wire.dial(end.transport(), end.address(stamp, self.before_dns))
        limit = max(self._cfg["dial_ms"], self.rtt.worst_ms * 4)
        if not end.left:  # otherwise no patience: the next address may be better
            limit = end.target.dial_ms(limit, _chance)
        now = ticks_ms()
        while wire.opening:
            left = limit - ticks_diff(ticks_ms(), now)
            if left <= 0:
                raise Fault("timeout", "no answer in %d ms" % limit)
            await self._sleep(left)
            if self.stopping:
                return
        wire.opened()
        self._subscriptions.open(self._node.router.patterns)
        end.patience_ms = end.target.opened(self._cfg["connack_ms"], len(self.ends) == 1)
        self.session.begin(ticks_ms(), end)
        if warm:
            self.session.patience = limit  # it was open: whether it still is, shows at once
        wire.flush()
        await self._serve()

    def before_dns(self):
        self._watchdog.check()
        self._beat.grace(_DNS_MS)

    # ---- the session, from the open connection on: dialing, online, suspect

    async def _serve(self):
        session = self.session
        wire = self._wire
        ending = None  # ticks since which the session is to end
        while True:
            if wire.fault:
                raise wire.fault
            now = ticks_ms()
            left = session.tick(now)
            if session.late and self.state == "online":
                self._to("late")
            if session.up:
                self._subscriptions.ask(session, now)
                if not self._useful and session.proven and ticks_diff(now, self._online_at) >= self._cfg["useful_ms"]:
                    self._recovered()
            if self.stopping or self._offer or self._moving:
                if ending is None:
                    ending = now
                    session.hold(self.last_word if self.stopping else None)
                left = min(left, (self._cfg["stop_ms"] if self.stopping else _SWITCH_MS) - ticks_diff(now, ending))
                if left <= 0 or not session.owed():
                    session.disconnect()
                    wire.flush()
                    return self._switch()
            session.pump(now)
            wire.flush()
            self._box.commit()
            if session.resume_at is not None:
                left = min(left, max(ticks_diff(session.resume_at, now), 0) or left)
            await self._sleep(left)

    # Something has come from the broker.
    def _heard(self):
        if self.state == "suspect":
            self._to("answer")
        if self.stopping:
            self.bell.ring()

    # A preferred broker has been reached while we were with another one.
    def _offered(self, number, line):
        self._offer = (number, line)
        self.bell.ring()

    # On to the broker that is on offer. Not if there is trouble right now: then its turn comes all the same.
    def _switch(self):
        if self.stopping:
            return
        if self._moving:
            return self._move()
        offer = self._offer
        self._offer = None
        self._hang_up()
        if self.state != "online":
            offer[1].close()
            return self._failed(Fault("gone", "while switching"))
        self._offer = offer
        self._outage = self._stamp()
        self.at = offer[0]
        self._failover.returns()
        self._to("switch", "back to broker %d" % self.at)

    # The path is to be changed (paths.py), as soon as what is on its way is acknowledged.
    def move(self, why):
        if self.session.up:
            self._moving = why
            self.bell.ring()

    def _move(self):
        why = self._moving
        self._hang_up()
        self._path.leave()
        self._outage = self._stamp()
        self._useful = False
        self._node.emit("link", {"up": False, "why": why})
        self._to("path_down", why)

    # ---- what the session tells

    def accepted(self, present):
        end = self.ends[self.at]
        self.connects += 1
        self._kept = self._box.acked if present else None
        self._tried_at = None
        self._online_at = ticks_ms()
        self._subscriptions.accepted(self.at, present)
        known = self._block.peek(_BROKER, "B")[0]
        if known & 7 != self.at:
            present = False  # what another broker still owes us, or we owe it, is not this one's
        if not present:
            self._block.poke(_BROKER, "B", known + 8 & 0x78 | self.at)
            self.session.forget(2 in [qos for _, qos in self._node.router.patterns])
        end.clean = False
        end.confirm()
        self._box.dirty = True
        self._to("accepted", "session kept" if present else "new session")
        self.bell.ring()  # subscriptions go out now, not when the node next has something to say
        if self.at or self._cfg["standby_s"] and len(self.ends) > 1:
            if not self._failover:
                from .failover import Failover

                self._failover = Failover(self._cfg, self.ends, self._offered, self.before_dns, self._stamp, self._node.error)
            self._failover.start(self.at)

    # name: a message's number, or (number, boot epoch) where that is not the epoch of now.
    def acked(self, name):
        if self._node.verbose:
            self._node.emit("ack", {"i": name[0], "b": name[1]} if isinstance(name, tuple) else {"i": name})

    def sent(self, seq, dup):
        if self._node.verbose:
            self._node.emit("sent", {"i": seq, "dup": int(dup)})

    # refused: patterns the broker does not let us have.
    def subscribed(self, refused):
        self._subscriptions.answered(self.at)
        for pattern in refused:
            self._node.error("rejected", "subscription " + pattern)
        self.bell.ring()

    def message(self, topic, payload):
        self._node.deliver(topic, payload)

    # Something bare to be told to the receivers, once, if they are there.
    def tell(self, topic, payload, flags=1):
        self.session.note(topic, payload, flags)
        self.bell.ring()

    # A pattern was added while running.
    def want(self, pattern, qos):
        self._subscriptions.add(pattern, qos)
        self.bell.ring()

    # R1: only an acknowledged message and a while online end the outage; CONNACK alone does not.
    def _recovered(self):
        self._useful = True
        self._node.settled()
        self.ends[self.at].target.succeeded()
        self.recoveries += 1
        self.offline += self._stamp() - self._outage - self._cfg["useful_ms"] // 100
        self._climbed_s = 0
        if self._failover:
            self._failover.proven(self.at)
        leave(self._block)
        self._save()

    # ---- failures

    def _failed(self, fault):
        kind, cause = fault.args
        now = ticks_ms()
        spent = 0 if self._tried_at is None else ticks_diff(now, self._tried_at)
        self._tried_at = None
        end = self.ends[self.at]
        if self._useful:
            self._outage = self._stamp()
            self._useful = False
        self.faults += 1
        self._node.error(kind, cause)
        if kind == "closed" and self.state == "dialing":
            end.patient = not end.patient  # it may not like messages before its CONNACK: the next try waits
        failover = self._failover
        warm = failover and self._path.up() and failover.take()
        self._hang_up()
        if kind == "memory":
            gc.collect()
        if self.state == "dialing" and kind in _ELSEWHERE and not warm and self._path.up() and end.another():
            return  # to that, at once
        if self.state == "down":
            self._wifi.failed("wifi", self._outage_ms(), 0, now, _chance)
            return self._climb()
        path = self._path
        if not path.up() or path.many and not warm and path.blame(kind):
            self._node.emit("link", {"up": False, "why": kind})
            return self._to("path_down", kind)
        follows = end.target.failed(kind, self._outage_ms(), spent, now, _chance)
        before = self.at
        if follows and (follows != "climb" or self._outage_ms() > _DOUBT_MS):
            end.doubt()
        stuck = kind == "closed" and self.state != "dialing" and self._kept == self._box.acked and self._outage_ms() > _STUCK_MS
        if stuck or follows == "clean":
            end.clean = True
        if failover and failover.failed():
            follows = follows or "next"  # at once: the broker that we left for it was a good one
        if warm:
            self.at = warm[0]
            self._offer = warm
        elif follows:
            self._next(now)
        self._save()
        barred = self.ends[self.at].target.wait_ms(now) > self._cfg["open_ms"]
        self._to("barred" if barred else "failed", kind)
        if follows == "climb" and self.at <= before:
            self._climb()

    # The broker to try now: the next in line, unless another one may be tried sooner.
    def _next(self, now):
        n = len(self.ends)
        order = [(self.at + i) % n for i in range(1, n + 1)]
        waits = [self.ends[i].target.wait_ms(now) for i in order]
        self.at = order[waits.index(min(waits))]

    def _hang_up(self):
        if self._failover:
            self._failover.stop()
        if self._offer:
            self._offer[1].close()
            self._offer = None
        self._moving = None
        self._wire.close()
        self.session.up = self.session.late = False
        self._box.rewind()

    # The trouble may lie deeper: takes the rung of the ladder that the length of the outage allows.
    def _climb(self):
        outage_s = self._outage_ms() // 1000
        rung, used = next_rung(self._block, outage_s, self._climbed_s, self._cfg["reset_after_s"])
        if not rung:
            return
        self._climbed_s = outage_s
        self._save()
        self._node.emit("ladder", {"rung": rung, "outage_s": outage_s})
        if rung == 3:
            self._node.reset("ladder")
        if rung == 4:
            self._node.reset("ladder", "deepsleep", self._cfg["cooldown_s"] * 1000)
        if used > 1:
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
            wait = 0 if self._offer else self.ends[self.at].target.wait_ms(ticks_ms())
            if not self._path.up():
                return self._to("path_down")
            if not wait:
                return self._to("due")
            await self._sleep(wait)
