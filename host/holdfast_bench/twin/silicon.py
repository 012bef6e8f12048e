"""What of a chip outlives a process: radio, TCP, RTC domain, NVS, and the answers to what the process asks of them.

One Silicon per board, made of the models in world/. Runs in the loop's thread. May use: world.
"""

import asyncio
import json

from ..world import dns, wire
from ..world.air import Air, Blackhole
from ..world.clock import Clock
from ..world.dns_udp import MDNS_GROUP, name_server, neighbours
from ..world.lan import Lan
from ..world.lwip import DEAD
from ..world.nvs import Nvs, NvsError
from ..world.ppp import Ppp
from ..world.rng import rng_for
from ..world.rtcmem import RtcMemory
from ..world.station import Station
from ..world.tcp_chip import Flow, Listener, Stack
from ..world.udp import Datagrams
from ..world.wifi import Wifi, WifiError
from .network import MOBILE

LAN_DELAY_MS = 2        # one way over the cable
MOBILE_DELAY_MS = 40    # and over the operator's network
MODEM_UART = 1


class Fuse:
    """What the memories know of the kernel: a way to end the life. The board asks afterwards."""

    def __init__(self):
        self.blown = None

    def halt(self, reset):
        self.blown = reset

    def check(self):
        if self.blown is not None:
            raise self.blown


class MirroredFlow(Flow):
    """A flow that reports every change to the chip at the other end of the link."""

    def __init__(self, stack, host, port, error=0, caller=None, air=None):
        self.number = stack.next_number()
        self.acked = 0
        self.mirror = None
        super().__init__(stack, host, port, error, caller, air)
        self._wanted = True

    def _changed(self):
        if self.mirror is not None:
            self.mirror(wire.FLOW_STATE, self.number, json.dumps([self.state, self.error, self.fin, self.acked]).encode())

    def established(self, peer):
        was = self.state
        super().established(peer)
        if self.state != was:
            self._changed()

    def deliver(self, data):
        if not self._closed and self.mirror is not None:
            for at in range(0, len(data), wire.PIECE):
                self.mirror(wire.FLOW_DATA, self.number, data[at:at + wire.PIECE])
        super().deliver(data)

    def delivered_fin(self):
        super().delivered_fin()
        self._changed()

    def _die(self, error, tell):
        super()._die(error, tell)
        self._changed()

    def _acked(self, ack, now_ms):
        before = self.bytes_out
        super()._acked(ack, now_ms)
        if self.bytes_out < before:
            self.acked += before - self.bytes_out
            self._changed()

    def _ack_due(self, arg):
        super()._ack_due(arg)
        self._wanted = True     # every acknowledgement is an event: the chip cannot ask
        if self._acks and not self.dead:
            self._schedule_ack()


class MirroredDatagrams(Datagrams):
    """A UDP socket whose mailbox is at the other end of the link."""

    def __init__(self, stack, port, source, number, mirror):
        super().__init__(stack, port, source)
        self._number, self._mirror = number, mirror

    def deliver(self, datagram):
        if self in self.stack.datagrams:
            ip, port, data = datagram
            self._mirror(wire.DATAGRAM_IN, self._number, wire.address(ip, port) + data)


class MirroredListener(Listener):
    """A listening port that tells the chip of every connection."""

    def __init__(self, stack, port, backlog, number, told):
        super().__init__(stack, port, backlog)
        self.number = number
        self.queue = _Told(told)


class _Told(list):
    """The chip has its own queue: ours stays empty."""

    def __init__(self, told):
        super().__init__()
        self.append = told


class MirroredStack(Stack):
    flow_class = MirroredFlow
    _numbers = 0

    def next_number(self):
        self._numbers = (self._numbers + 1) & 0xFFFF
        return self._numbers


class Silicon:
    """`send(kind, number, payload)` reaches the life that is running; `tells` hears of what concerns the board."""

    def __init__(self, kernel, loop, ether, network, seed, mac, send, heard, cable=None, modem=None):
        self.kernel, self._loop, self._send, self._heard = kernel, loop, send, heard
        self.mac = mac
        self._network = network
        self.rng = rng_for(seed, "silicon")
        self.fuse = Fuse()
        self.wifi = Wifi(kernel, ether, rng_for(seed, "radio"), mac)
        self.station = Station(self.wifi)
        self.station.on_radio = self._radio
        self.air = Air(kernel, self.wifi.passes)
        self.stack = MirroredStack(kernel, self.air, self.wifi, self._host_at, rng_for(seed, "tcp ticks").below(500))
        self.wifi.on_down = self.stack.address_lost
        self.airs = {"wifi": self.air}
        self.lan = None
        if cable is not None:
            self._add_lan(cable, rng_for(seed, "lan"))
        self.ppp = self.modem = None
        if modem is not None:
            self._add_modem(modem)
        self.dns = dns.Server(network.names)
        self.resolver = dns.Resolver(kernel, self._name_server)
        self.resolver.mdns = network.announced
        self._servers = {ip: name_server(kernel, self.dns, ip) for ip in network.name_servers}
        self._servers[MDNS_GROUP] = neighbours(kernel, network.announced)
        self.rtc = RtcMemory(self.fuse)
        self.nvs = Nvs()
        self.clock = Clock(kernel)
        self._flows = {}
        self._datagrams = {}
        self._listeners = {}
        self._view = None
        self._asking = set()

    def _add_lan(self, cable, rng):
        self.lan = lan = Lan(self.kernel, cable, rng, self.mac)
        self.airs["lan"] = lan_air = Air(self.kernel, lan.passes, LAN_DELAY_MS)
        lan.on_down = lambda: self.stack.address_lost(lan_air)
        lan.on_dns = lambda ip: self.station.configure("dns", ip)
        lan.on_event = self._wired
        self.stack.add_way(lan, lan_air, lan.prio)

    def _add_modem(self, modem):
        self.modem = modem
        self.ppp = ppp = Ppp(self.kernel, modem, MOBILE)
        self.airs["ppp"] = air = Air(self.kernel, modem.passes, MOBILE_DELAY_MS)
        ppp.on_down = lambda: self.stack.address_lost(air)
        ppp.on_dns = lambda ip: self.station.configure("dns", ip)
        ppp.on_event = self._dialled
        way = self.stack.add_way(ppp, air, ppp.prio)
        ppp.on_default = lambda on: self.stack.routes.take(way, on)
        modem.say = lambda data: self._send(wire.LINE_IN, MODEM_UART, bytes(data))

    def _host_at(self, ip):
        """Each board has name servers of its own: their faults are."""
        return self._servers.get(ip) or self._network.host(ip)

    # --- lives -------------------------------------------------------------------------------------------------------

    def begin(self, how):
        """The chip comes up after a reset (world.power.Reset)."""
        self.end()
        self.station.reset()
        if self.lan is not None:
            self.lan.reset()
        if self.ppp is not None:
            self.ppp.reset()
        self.resolver.reset()
        if not how.keeps_rtc:
            self.rtc.lose(self.rng)
            self.clock.lose()
            self.nvs.power_lost(self.rng)
        self._view = self.station.view()

    def end(self):
        """The life is over: the radio goes off, peers are not told."""
        self.kernel.catch_up()
        self.stack.reset()
        for flow in self._flows.values():
            flow.mirror = None
        self._flows.clear()
        self._datagrams.clear()
        self._listeners.clear()
        self.wifi.reset()
        if self.lan is not None:
            self.lan.reset()
        if self.ppp is not None:
            self.ppp.reset()
        self.fuse.blown = None
        for task in list(self._asking):
            task.cancel()


    # --- what is pushed ----------------------------------------------------------------------------------------------

    def _radio(self, name, reason):
        self._heard("radio", name=name, reason=reason)
        # The port's handler runs after this hook: look when it has.
        self.kernel.after(0, self._look)

    def _look(self, _):
        view = self.station.view()
        if view != self._view:
            self._view = view
            self._send(wire.VIEW, 0, json.dumps(view).encode())

    def _wired(self, name):
        self._heard("lan", what=name)
        self.kernel.after(0, self._look_at_lan)

    def _look_at_lan(self, _):
        self._send(wire.LAN_VIEW, 0, json.dumps(self.lan.view()).encode())
        self._look(None)

    def _dialled(self, name):
        self._heard("ppp", what=name)
        self.kernel.after(0, self._look_at_ppp)

    def _look_at_ppp(self, _):
        self._send(wire.PPP_VIEW, 0, json.dumps(self.ppp.view()).encode())
        self._look(None)

    def _name_server(self, ip):
        if self.stack.routes is not None:
            air = self.stack.air_to(ip)
            return self.dns if ip in self._network.name_servers and air is not None and air.passes() and not self._swallowed(air) else None
        return self.dns if ip in self._network.name_servers and self.wifi.passes() and self.wifi.has_address() and not self._swallowed(self.air) else None

    def _swallowed(self, air):
        """DNS is not made of frames here: what swallows everything swallows it too."""
        return any(isinstance(rule, Blackhole) for rule in air.rules)

    # --- what is asked -----------------------------------------------------------------------------------------------

    def call(self, number, what):
        """Answer a CALL; the answer may come later."""
        self.kernel.catch_up()
        if what[0] == "resolve":
            task = self._loop.create_task(self._resolve(number, what[1], what[2]))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            return
        self._answer(number, lambda: getattr(self, "_on_" + what[0])(*what[1:]))

    def _answer(self, number, ask):
        try:
            value = ask()
        except (WifiError, NvsError) as e:
            value = {"error": [type(e).__name__, list(e.args)]}
        if isinstance(value, bytes):
            self._send(wire.RESULT_BYTES, number, value)
        else:
            self._send(wire.RESULT, number, json.dumps(value).encode())

    def write_rtc(self, number, content):
        """Raises ChipReset when the tear fault strikes."""
        try:
            self.rtc.write(content)
            value = None
        except ValueError as e:
            value = {"error": ["ValueError", list(e.args)]}
        self._send(wire.RESULT, number, json.dumps(value).encode())

    def write_blob(self, number, payload):
        names, _, blob = payload.partition(b"\n")
        self._answer(number, lambda: self.nvs.set(*json.loads(names), blob))

    async def _resolve(self, number, name, servers):
        steps = self.resolver.lookup(name, servers)
        value = None
        try:
            while True:
                await asyncio.sleep(next(steps) / 1000)
                self.kernel.catch_up()
        except StopIteration as e:
            value = e.value
        self._send(wire.RESULT, number, json.dumps(value).encode())

    def _on_station(self, name, *args):
        station = self.station
        if name == "connect" and args[0] is not None and args[0][2] is not None:
            args = [[args[0][0], args[0][1], bytes(args[0][2])]]
        if name not in ("start", "stop", "rssi", "scan", "configure", "set_static", "set_dhcp", "connect", "disconnect"):
            raise AssertionError("no station call %r" % name)
        value = getattr(station, name)(*args)
        if name == "scan":
            value = [[list(row[0]), list(row[1]), *row[2:]] for row in value]
        self._view = station.view()
        return [value, self._view]

    def _on_lan(self, name, *args):
        if name not in ("make", "start", "stop", "set_static", "set_dhcp"):
            raise AssertionError("no Ethernet call %r" % name)
        value = getattr(self.lan, name)(*args)
        return [value, self.lan.view()]

    def _on_ppp(self, name, *args):
        if name not in ("activate", "connect", "disconnect", "drop"):
            raise AssertionError("no PPP call %r" % name)
        getattr(self.ppp, name)(*map(bytes, args))
        return [None, self.ppp.view()]

    def line_out(self, number, data):
        """Whether somebody of the model hears what a UART sends."""
        if self.modem is None or number != MODEM_UART:
            return False
        self.kernel.catch_up()
        self.modem.hear(data)
        return True

    def _on_dial(self, ip, port, source):
        flow = self.stack.dial(ip, port, source)
        if flow.state != DEAD:
            flow.mirror = self._send
            self._flows[flow.number] = flow
        return [getattr(flow, "number", 0), flow.state, flow.error]

    def _on_udp(self, port, source):
        number = self.stack.next_number()
        free = self.stack.udp(port)             # chooses a port when there is none
        self.stack.datagrams.remove(free)
        made = self._datagrams[number] = MirroredDatagrams(self.stack, free.port, source, number, self._send)
        self.stack.datagrams.append(made)
        return number

    def _on_listen(self, port, backlog):
        number = self.stack.next_number()

        def told(flow):
            flow.mirror = self._send
            self._flows[flow.number] = flow
            self._send(wire.INCOMING, flow.number, json.dumps([number, *flow.peer]).encode())

        made = self._listeners[number] = MirroredListener(self.stack, port, backlog, number, told)
        self.stack.listeners.append(made)
        return number

    def _on_rtc_read(self):
        return self.rtc.read()

    def _on_nvs(self, name, space, key=None, value=None):
        if name == "get":
            return self.nvs.get(space, key, {"int": int, "bytes": bytes}[value])
        if name == "set":
            self.nvs.set(space, key, value)
        elif name == "erase":
            self.nvs.erase(space, key)
        else:
            self.nvs.commit(space)

    # --- notices that concern the silicon ------------------------------------------------------------------------------

    def flow_write(self, number, data):
        self.kernel.catch_up()
        flow = self._flows.get(number)
        if flow is not None:
            flow.write(data)

    def datagram_out(self, number, payload):
        self.kernel.catch_up()
        if number in self._datagrams:
            self._datagrams[number].send(*wire.address_in(payload), payload[wire.ADDRESS:])

    def on_udp_close(self, number):
        if number in self._datagrams:
            self._datagrams.pop(number).close()

    def on_unlisten(self, number):
        if number in self._listeners:
            self._listeners.pop(number).close()

    def on_taken(self, number, n):
        self.kernel.catch_up()
        flow = self._flows.get(number)
        if flow is not None:
            flow.read(n)

    def on_nodelay(self, number, on):
        if number in self._flows:
            self._flows[number].nodelay = on

    def on_close(self, number):
        self.kernel.catch_up()
        flow = self._flows.pop(number, None)
        if flow is not None:
            flow.mirror = None
            flow.close()

    def on_clock(self, seconds, us):
        self.clock.set(seconds, us)

