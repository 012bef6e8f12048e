# paths.py - several paths behind one (R25): Wi-Fi networks in their order, Ethernet, cellular. One is in use; of the others it knows which are good or bad.
# May import: asyncio, micropython, random, time, path, path_lan, path_ppp, quality, transport, wire, errors; the supervisor is handed in.
# Time: ticks; stamps are handed in.   Blocks: as the paths do (path.py, path_lan.py, path_ppp.py).   Loaded only with the setting `paths`.
#
# A path is left when it is lost, when nothing answers over it, or when its quality is bad (quality.py). It is then known to be bad for
# `return_s`, twice that each time: so nothing flaps, whatever the links do. Another path is gone to when `rise` probes over it, while the
# first one is still in use, were good; of two Wi-Fi networks there is one radio, and the other can only be tried.
# Sockets are bound to the address of the path in use: IDF sends them through the interface that has it, whatever the default route is.
from asyncio import TimeoutError, create_task, sleep_ms, wait_for_ms
from micropython import const
from random import getrandbits
from time import ticks_diff, ticks_ms

from . import transport
from .errors import Fault
from .quality import Quality
from .wire import writable

_LOOK_MS = const(5000)
_PROBE_MS = const(1000)
_POLL_MS = const(50)
_HOLD_MAX = const(36000)  # stamps: an hour
_BAD = const(2)  # counts as so many failed attempts
_PATHLIKE = ("timeout", "gone", "link", "dns", "wifi")  # what the path may be to blame for
# In the resume record: path in use (low half), and which of the first four were bad when they were left.
_PATH = const(39)
_RADIO = const(56)  # what path.py remembers of its network: BSSID, channel, lease
_RADIO_FORM = "24s"


class Paths:
    many = True

    def __init__(self, cfg, block, stamp):
        self._cfg = cfg["paths"]
        self._whole = cfg
        self._usual = cfg["ping_s"], cfg["keepalive_s"]
        self._block = block
        self._stamp = stamp
        self._owner = None
        self._members = members = []  # (driver, number of the network or None)
        self.names = []
        self.wifi = None  # its driver, where Wi-Fi is among them
        known = block.peek(_PATH, "B")[0]
        for kind in self._cfg["order"]:
            if kind == "wifi":
                from .path import Wifi

                self.wifi = wifi = Wifi(cfg, block, stamp)
                for net in range(len(cfg["wifi"])):
                    members.append((wifi, net))
                    self.names.append("wifi:" + cfg["wifi"][net]["ssid"])
            elif kind == "lan":
                from .path_lan import Lan

                members.append((Lan(self._cfg["lan"]), None))
                self.names.append("lan")
            else:
                from .path_ppp import Ppp

                members.append((Ppp(self._cfg["ppp"], cfg.get("source", "ppp") + ".pin"), None))
                self.names.append("ppp")
        n = len(members)
        self.at = (known & 15) % n  # the path in use
        self._radios = {}  # network: what is known of its access point
        self._missed = [0] * n  # attempts that failed since a path was last up
        self._holds = [known >> 4 + i & 1 if i < 4 else 0 for i in range(n)]  # how often in a row it was left
        self._until = [stamp() + self._hold(i) if self._holds[i] else 0 for i in range(n)]  # stamp until which it is known to be bad
        self._good = [0] * n  # good probes in a row
        self._target = None  # the path to go to next
        self._left = False  # the path in use is up, but given up
        self._blamed = 0  # tries in a row that it may be to blame for
        self._begun = False  # was there an attempt at a Wi-Fi network since one was last in use?
        self._watching = None
        self.settling = False
        for driver, net in members:
            if net is None and driver.standing:
                driver.begin()
        self.rtt = Quality(cfg["suspect_ms"], cfg["pingresp_ms"], cfg["probe_ms"], self._cfg, self._judged)

    # ---- the contract of a path

    def up(self):
        return not self._left and self._is_up(self.at)

    def _is_up(self, i):
        driver, net = self._members[i]
        return (net is None or driver.net == net) and driver.up()

    @property
    def name(self):
        return self.names[self.at]

    def address(self):
        return self._members[self.at][0].address()

    # The name server; there is one list for all interfaces.
    def dns(self):
        driver, net = self._members[self.at]
        return driver.dns() if net is None else driver.wlan.ifconfig()[3]

    def rssi(self):
        return self._members[self.at][0].rssi()

    def begin(self):
        self.at = i = self._pick() if self._target is None else self._target
        self._target = None
        self._left = False
        driver, net = self._members[i]
        self.settling = False
        if self._is_up(i):
            return 0
        limit = self._start(i)
        self.settling = driver.settling
        return limit

    # Begins an attempt at that path.
    def _start(self, i):
        driver, net = self._members[i]
        if net is not None and driver.net != net:
            self._radios[driver.net] = self._block.peek(_RADIO, _RADIO_FORM)[0]
            driver.use(net)
            if net in self._radios:
                self._block.poke(_RADIO, _RADIO_FORM, self._radios[net])
        self._begun = self._begun or net is not None
        return driver.begin()

    def associating(self, gone_ms, limit):
        return self._members[self.at][0].associating(gone_ms, limit)

    def learn(self, took_ms):
        driver, net = self._members[self.at]
        if net is None:
            driver.learn(took_ms)
        else:
            driver.learn(took_ms, not self._begun)
            self._begun = False
        for other, _ in self._members:
            if other is not driver:
                other.close()  # Ethernet stays on
        self._missed = [0] * len(self._missed)
        self._good = [0] * len(self._good)
        self._blamed = 0
        self.rtt.clear()
        transport.source = driver.address()
        self._pace(driver.ping_s if net is None else None)
        self._remember()
        if not self._watching:
            self._watching = create_task(self._watch())

    # How often the broker is asked for a sign of life over this path: where each byte costs money, less often.
    def _pace(self, ping_s):
        cfg = self._whole
        usual, keepalive = self._usual
        cfg["ping_s"] = ping_s or usual
        cfg["keepalive_s"] = self._owner.session.keepalive = max(keepalive, ping_s * 2) if ping_s else keepalive

    def _remember(self):
        bad = 0
        for i in range(min(len(self._holds), 4)):
            if self._is_bad(i):
                bad |= 16 << i
        self._block.poke(_PATH, "B", self.at & 15 | bad)

    def missed(self):
        driver, net = self._members[self.at]
        if net is None and driver.fault:
            self._error("link", "%s: %s" % (self.name, driver.fault))
        if driver.wide:
            self._missed[self.at] += 1
            if net is not None or not driver.standing:
                self._mark(self.at)

    def stale(self):
        return self._members[self.at][0].stale()

    def forget(self):
        self._members[self.at][0].forget()

    def close(self):
        for driver, _ in self._members:
            driver.close()

    def cycle(self):
        self._members[self.at][0].cycle()

    # ---- which one

    def _hold(self, i):
        return min(self._cfg["return_s"] * 10 << self._holds[i] - 1, _HOLD_MAX)

    # Path i is bad, and is left alone for a while: longer each time that it was used and proved bad.
    def _mark(self, i, again=1):
        self._holds[i] = min(max(self._holds[i] + again, 1), 12)
        self._until[i] = self._stamp() + self._hold(i)
        self._good[i] = 0

    def _is_bad(self, i):
        return self._stamp() < self._until[i]

    # What is up and good; else what has failed least, the preferred first.
    def _pick(self):
        best = 0
        least = None
        for i in range(len(self._members)):
            rank = self._missed[i] * 2 + (_BAD * 2 if self._is_bad(i) else 0) - (1 if self._is_up(i) and not (self._left and i == self.at) else 0)
            if least is None or rank < least:
                best = i
                least = rank
        return best

    # The paths worth leaving this one for.
    def _other(self):
        return [i for i in range(len(self._members)) if i != self.at and not self._is_bad(i)]

    # ---- what its owner tells

    def owned(self, supervisor, node):
        self._owner = supervisor
        self._emit = node.emit
        self._error = node.error

    # A try over this path has failed. True: the path is left for another one.
    def blame(self, kind):
        session = self._owner.session
        if session.proven:  # the connection that has ended was a good one; the tries after it are not
            session.proven = False
            self._blamed = min(self._blamed, 1)
        self._blamed = self._blamed + 1 if kind in _PATHLIKE else 0
        if self._blamed < 2 * min(len(self._owner.ends), 2) or not self._other():
            return False
        self._mark(self.at)
        self.leave()
        return True

    # The connection over this path is over: on to the next.
    def leave(self):
        self._left = True
        self._blamed = 0

    def _judged(self, good):
        at = self.at
        self._emit("path", {"path": self.name, "state": "good" if good else "bad", "rtt_ms": self.rtt.median_ms, "loss": self.rtt.loss})
        if good:
            self._holds[at] = self._until[at] = 0
        else:
            self._mark(at)
        self._remember()

    # ---- on to a better path: a preferred one, or any while the one in use is bad

    async def _watch(self):
        tried_at = self._stamp()
        while True:
            bad = self._is_bad(self.at)
            look_ms = _LOOK_MS // 5 if bad else _LOOK_MS
            await sleep_ms(look_ms - (look_ms >> 2) * getrandbits(8) // 256)  # a fleet that left a path together does not look in step
            if self._owner.state not in ("online", "suspect") or self._left:
                continue
            here = self._members[self.at][0]
            for i in range(len(self._members)):
                if i >= self.at and not bad:
                    break
                if i == self.at or self._is_bad(i):
                    continue
                driver, _ = self._members[i]
                if driver is here:  # one radio: it can only be tried
                    if not bad and self._stamp() - tried_at < self._cfg["return_s"] * 10:
                        break
                    good = self._cfg["rise"]
                else:
                    good = await self._probe(i)
                if good is None:
                    break  # meanwhile something has happened
                self._good[i] = good
                if good >= self._cfg["rise"]:
                    self._good[i] = 0
                    tried_at = self._stamp()
                    self._mark(i)  # should it prove bad, it was not the first time; a path that proves good is forgiven
                    self._until[i] = 0
                    self._target = i
                    self._owner.move("quality" if bad else "preferred")
                    break

    # A connection over path i to the broker in use, while another path is in use. How many were good in a row; None: our path is gone.
    async def _probe(self, i):
        driver, net = self._members[i]
        at = self.at
        if not self._is_up(i):
            if net is None and driver.standing:
                return 0
            began = ticks_ms()
            limit = self._start(i)
            while not self._is_up(i):
                await sleep_ms(_POLL_MS)
                if self.at != at or self._owner.state not in ("online", "suspect"):
                    return None
                if not driver.associating(ticks_diff(ticks_ms(), began), limit):
                    if driver.wide:
                        driver.close()
                        self._mark(i)
                    return 0
        end = self._owner.ends[self._owner.at]
        line = end.transport()
        before = transport.source
        began = ticks_ms()
        try:
            transport.source = driver.address()
            try:
                line.dial(end.address(self._stamp(), self._owner.before_dns))
            finally:
                transport.source = before
            await wait_for_ms(writable(line.sock), _PROBE_MS)
            line.read(bytearray(1), True)
            good = ticks_diff(ticks_ms(), began) <= self._cfg["switch_ms"]
        except (Fault, TimeoutError):
            good = False
        finally:
            line.close()
        if self.at != at:
            return None
        if not good:
            self._mark(i, 0)
            driver.close()
        return self._good[i] + 1 if good else 0
