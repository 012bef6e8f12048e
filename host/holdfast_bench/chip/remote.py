"""A chip whose world is at the other end of a link: stands in for station, TCP stack, memories and resolver of a twin.

Each class has the shape of its model in world/; what it says is what the parent's model said. May use: link, wire.
"""

import json

from ..world import lwip, wire
from ..world.clock import Clock
from ..world.lwip import DEAD, OPEN
from ..world.nvs import CAPACITY, NOT_ENOUGH_SPACE, NvsError
from ..world.rng import rng_for
from ..world.station import VIEW
from ..world.wifi import WifiError
from .link import LinkError
from .models import MODELS
from .soc import Core

_HAS_ADDRESS = VIEW.index("has_address")
_CONNECTED, _CODE, _IP = VIEW.index("connected"), VIEW.index("code"), VIEW.index("ip")
_LAN_HAS_ADDRESS = 7    # in the view of world/lan.py, which is loaded only where there is a cable
_PPP_HAS_ADDRESS = 5    # likewise in that of world/ppp.py
WDT_GRAIN_MS = 5        # feeding more often than that is not reported: the bite may come that much early, never late


class RemoteStation:
    """The station's view is pushed whenever it changes and comes back with every call."""

    def __init__(self, link):
        self._link = link
        self._view = None
        self.soft_ap = None     # of our own, as this life has asked for it

    def seen(self, number, payload):
        self._view = json.loads(payload)

    def view(self):
        return self._view

    def is_connected(self):
        return self._view[_CONNECTED]

    def status(self):
        return self._view[_CODE]

    def address(self):
        return tuple(self._view[_IP:_IP + 4])

    def _call(self, *what):
        try:
            value, self._view = self._link.call("station", *what)
        except LinkError as e:
            raise WifiError(e.args[1][0])
        return value

    def start(self):
        self._call("start")

    def stop(self):
        self._call("stop")

    def rssi(self):
        return self._call("rssi")

    def scan(self):
        return [(bytes(row[0]), bytes(row[1])) + tuple(row[2:]) for row in self._call("scan")]

    def configure(self, name, value):
        self._call("configure", name, value)
        if name == "soft_ap":
            self.soft_ap = value

    def set_static(self, ip, mask, gateway, dns):
        self._call("set_static", ip, mask, gateway, dns)

    def set_dhcp(self, restart):
        self._call("set_dhcp", restart)

    def connect(self, config):
        if config is not None and config[2] is not None:
            config = config[0], config[1], list(config[2])
        self._call("connect", config)

    def disconnect(self):
        self._call("disconnect")


class RemoteInterface:
    """An interface besides Wi-Fi, as RemoteStation the station. `name`: of its calls."""

    def __init__(self, link, view):
        self._link = link
        self._view = view

    def seen(self, number, payload):
        self._view = json.loads(payload)

    def view(self):
        return self._view

    def _call(self, *what):
        value, self._view = self._link.call(self.name, *what)
        return value


class RemoteLan(RemoteInterface):
    """The Ethernet interface."""

    name = "lan"

    def make(self):
        self._call("make")

    def start(self):
        self._call("start")

    def stop(self):
        self._call("stop")

    def set_static(self, ip, mask, gateway):
        self._call("set_static", ip, mask, gateway)

    def set_dhcp(self, restart):
        return self._call("set_dhcp", restart)


class RemotePpp(RemoteInterface):
    """The PPP interface."""

    name = "ppp"

    def activate(self):
        self._call("activate")

    def connect(self, waiting):
        self._call("connect", list(waiting))

    def disconnect(self):
        self._call("disconnect")

    def drop(self):
        self._call("drop")


class Inbox:
    """Received bytes as they came, in small pieces: on the chip they lie in lwIP's memory, here they must not need room in one piece."""

    def __init__(self):
        self._pieces = []
        self._n = 0

    def __len__(self):
        return self._n

    def extend(self, data):
        self._pieces.append(data)
        self._n += len(data)

    def peek(self, n):
        """A copy of the first n bytes, or of all there are."""
        data = bytearray(min(n, self._n))
        at = 0
        for piece in self._pieces:
            if at >= len(data):
                break
            part = min(len(piece), len(data) - at)
            data[at:at + part] = piece if part == len(piece) else piece[:part]
            at += part
        return data

    def take(self, n):
        data = self.peek(n)
        left = len(data)
        self._n -= left
        while left:
            piece = self._pieces[0]
            if len(piece) > left:
                self._pieces[0] = piece[left:]
                break
            left -= len(piece)
            self._pieces.pop(0)
        return data


class RemoteFlow:
    """One connection of RemoteStack."""

    def __init__(self, stack, number, state, error):
        self._stack = stack
        self._number = number
        self.state = state
        self.error = error
        self.inbox = Inbox()
        self.fin = False
        self._written = 0
        self._acked = 0
        self._nodelay = False
        self._closed = False

    @property
    def nodelay(self):
        return self._nodelay

    @nodelay.setter
    def nodelay(self, on):
        if on != self._nodelay:
            self._nodelay = on
            self._stack.link.tell("nodelay", self._number, on)

    def changed(self, payload):
        self.state, self.error, self.fin, self._acked = json.loads(payload)

    def room(self):
        return lwip.SND_BUF - self._written + self._acked if self.state == OPEN else 0

    def write(self, buf):
        n = min(len(buf), self.room())
        if n <= 0 or self._closed:
            return 0
        self._stack.link.send(wire.FLOW_WRITE, self._number, memoryview(buf)[:n])
        self._written += n
        return n

    def peek(self, n):
        return self.inbox.peek(n)

    def read(self, n):
        data = self.inbox.take(n)
        self._stack.link.tell("taken", self._number, len(data))
        return data

    def close(self):
        if not self._closed:
            self._closed = True
            self._stack.link.tell("close", self._number)
            self._stack.forget(self._number)


class RemoteDatagrams:
    """A UDP socket of RemoteStack."""

    def __init__(self, stack, number):
        self._stack = stack
        self._number = number
        self.inbox = []

    def send(self, ip, port, data):
        if not self._stack.has_address(True):
            return lwip.EHOSTUNREACH
        self._stack.link.send(wire.DATAGRAM_OUT, self._number, wire.address(ip, port), data)
        return 0

    def close(self):
        self._stack.link.tell("udp_close", self._number)
        self._stack.datagrams.pop(self._number, None)


class RemoteListener:
    """A listening port of RemoteStack."""

    def __init__(self, stack, number):
        self._stack = stack
        self._number = number
        self.queue = []

    def close(self):
        self._stack.link.tell("unlisten", self._number)
        self._stack.listeners.pop(self._number, None)
        for flow in self.queue:
            flow.close()
        self.queue = []


class RemoteStack:
    def __init__(self, link, has_address):
        self.link = link
        self.has_address = has_address
        self._flows = {}
        self.datagrams = {}
        self.listeners = {}

    def udp(self, port=0, source=None):
        number = self.link.call("udp", port, source)
        made = self.datagrams[number] = RemoteDatagrams(self, number)
        return made

    def listen(self, port, backlog):
        number = self.link.call("listen", port, backlog)
        made = self.listeners[number] = RemoteListener(self, number)
        return made

    def datagram(self, number, payload):
        if number in self.datagrams:
            ip, port = wire.address_in(payload)
            self.datagrams[number].inbox.append((ip, port, payload[wire.ADDRESS:]))

    def incoming(self, number, payload):
        listener, ip, port = json.loads(payload)
        flow = self._flows[number] = RemoteFlow(self, number, OPEN, 0)
        flow.peer = ip, port
        if listener in self.listeners:
            self.listeners[listener].queue.append(flow)
        else:
            flow.close()

    def dial(self, ip, port, source=None):
        number, state, error = self.link.call("dial", ip, port, source)
        flow = RemoteFlow(self, number, state, error)
        if state != DEAD:
            self._flows[number] = flow
        return flow

    def data(self, number, payload):
        if number in self._flows:
            self._flows[number].inbox.extend(payload)

    def state(self, number, payload):
        if number in self._flows:
            self._flows[number].changed(payload)

    def forget(self, number):
        self._flows.pop(number, None)

    def reset(self):
        """Nothing to do: the parent ends its side with the life."""


class RemoteRtc:
    def __init__(self, link):
        self._link = link

    def read(self):
        return self._link.call("rtc_read")

    def write(self, buf):
        try:
            self._link.write_rtc(buf)
        except LinkError as e:
            raise ValueError(*e.args[1])


class RemoteNvs:
    def __init__(self, link):
        self._link = link

    def _call(self, *what):
        return self._told(self._link.call, "nvs", *what)

    def _told(self, fn, *what):
        try:
            return fn(*what)
        except LinkError as e:
            raise NvsError(*e.args[1])

    def get(self, space, key, kind):
        return self._call("get", space, key, kind.__name__)

    def set(self, space, key, value):
        if isinstance(value, int):
            self._call("set", space, key, value)
        elif len(value) > CAPACITY:
            raise NvsError(*NOT_ENOUGH_SPACE)     # not worth the journey
        else:
            self._told(self._link.write_blob, space, key, value)

    def erase(self, space, key):
        self._call("erase", space, key)

    def commit(self, space):
        self._call("commit", space)


class RemoteClock(Clock):
    """Runs here; the parent is told of every setting, for it keeps the time between two lives."""

    link = None

    def set(self, seconds, us):
        super().set(seconds, us)
        if self.link is not None:
            self.link.tell("clock", seconds, us)


class RemoteResolver:
    def __init__(self, link):
        self._link = link

    def resolve(self, name, server_ips, wait):
        return self._link.call("resolve", name, server_ips)


class RemoteChip(Core):
    """`life` is what the parent tells about this life when it begins (docs/architecture.md, "The twin")."""

    def __init__(self, kernel, link, life):
        super().__init__(kernel, bytes(life["mac"]), life["ticks_start_ms"])
        self.link = link
        self.rng = rng_for(life["seed"], "chip")
        self.station = RemoteStation(link)
        self.station.seen(0, json.dumps(life["view"]))
        if life["lan"]:
            self.lan = RemoteLan(link, life["lan"])
        if life["ppp"]:
            self.ppp = RemotePpp(link, life["ppp"])
        self.stack = RemoteStack(link, self._has_address)
        self.rtc = RemoteRtc(link)
        self.nvs = RemoteNvs(link)
        self.resolver = RemoteResolver(link)
        self.clock = RemoteClock(kernel)
        self.clock.set(*life["clock"])
        self.clock.link = link
        self.cause, self.wake = life["cause"], life["wake"]
        self.model = MODELS[life["chip"]]
        self.partitions = [tuple(row) for row in life["partitions"]]
        self._fed_at_ms = 0
        self._grain_ms = 0

    def _has_address(self, of_its_own=False):
        """of_its_own: that of its own access point counts, too."""
        return (self.station.view()[_HAS_ADDRESS] or self.lan is not None and self.lan.view()[_LAN_HAS_ADDRESS]
                or self.ppp is not None and self.ppp.view()[_PPP_HAS_ADDRESS]
                or of_its_own and self.station.soft_ap is not None)

    def reset(self, kind, why="", sleep_ms=0):
        """The parent ends this process, wherever it is then."""
        self.link.tell("reset", kind, why, sleep_ms)
        while True:
            self.kernel.wait(None)

    def soft_reset(self):
        super().soft_reset()
        self.link.tell("soft_reset")

    def uart_opened(self, id, baud, room):
        self.uart_lines[id] = lambda data: self.link.send(wire.LINE_OUT, id, data)
        self.link.tell("line", id, baud, room)

    def uart_taken(self, id, n):
        self.link.tell("line_taken", id, n)

    def wdt_arm(self, timeout_ms):
        self._grain_ms = min(WDT_GRAIN_MS, timeout_ms // 20)
        self._fed_at_ms = self.kernel.now_ms
        self.link.tell("wdt", timeout_ms)

    def wdt_feed(self):
        if self.kernel.now_ms - self._fed_at_ms > self._grain_ms:
            self._fed_at_ms = self.kernel.now_ms
            self.link.tell("fed")
