"""The drivers of a twin: what its world can do to it, by way of the model that it lives in. One small class an ability (rig.py).

May use: the twin's host and its world. Every call is carried out in the host's loop.
"""

from ..world import air, power
from ..world.dhcp import Lease
from . import rules

OTHER_KEY = "-changed"


class TwinWifi:
    """The access point of one board, as a switch."""

    def __init__(self, host, board):
        self._host, self._aps = host, board.options.ether.aps

    def _each(self, which, what):
        for i, ap in enumerate(self._aps):
            if which in (0, i + 1):
                self._host.call(getattr(ap, what))

    def away(self, which=1):
        """which: of several access points, 0 for all."""
        self._each(which, "off")

    def back(self, which=1):
        self._each(which, "on")

    def evidence(self):
        return "the access point does not answer" if any(not ap.up for ap in self._aps) else None


class TwinCable:
    """The Ethernet cable of one board."""

    def __init__(self, host, board):
        self._host, self._cable, self._lan = host, board.options.cable, board.silicon.lan

    def pull(self):
        self._host.call(self._cable.pull)

    def plug(self):
        self._host.call(self._cable.plug)

    def evidence(self):
        return None if self._cable.plugged or self._lan.link else "the interface has lost its link"


class TwinModem:
    """The modem of one board, and the network that it hears."""

    def __init__(self, host, board):
        self._host, self._modem = host, board.options.modem

    def remove(self):
        self._host.call(self._modem.remove)

    def put_back(self):
        self._host.call(self._modem.put_back)

    def set_signal(self, on):
        self._host.call(self._modem.set_signal, on)

    def gone(self):
        return None if self._modem.there else "the modem does not answer"

    def deaf(self):
        return None if self._modem.signal else "the modem hears no network"


class TwinAp:
    """The access point of one board, from the inside: key, channel, DHCP, stations."""

    def __init__(self, host, board):
        self._host, self._ap, self._silicon = host, board.options.ether.aps[0], board.silicon
        self._key, self._stale = self._ap.key, None

    def deauth(self):
        def thrown_out():
            self._joined = len(self._ap.ether.stations) if self._silicon.wifi.passes() else 0
            self._ap.deauth()
        self._host.call(thrown_out)

    def thrown_out(self):
        return "%d stations were thrown out" % self._joined if self._joined else None

    def change_key(self):
        def change():
            self._ap.key = self._key + OTHER_KEY
            self._ap.deauth()
        self._host.call(change)

    def restore_key(self):
        self._host.call(setattr, self._ap, "key", self._key)

    def has_other_key(self):
        return self._ap.key != self._key

    def move(self, channel):
        def move():
            was_up = self._ap.up
            self._ap.off()
            self._ap.channel = channel
            if was_up:
                self._ap.on()
        self._host.call(move)

    def channel(self):
        return self._ap.channel

    def silence_dhcp(self, on):
        self._host.call(setattr, self._ap.dhcp, "silent", on)

    def dhcp_is_silent(self):
        return self._ap.dhcp.silent

    def move_lease(self, ip):
        def move():
            dhcp, old = self._ap.dhcp, self._ap.dhcp.lease
            dhcp.lease = Lease(ip, old.mask, old.gateway, old.dns, old.time_s)
            self._silicon.air.remove(self._stale)
            self._stale = self._silicon.air.add(StaleAddress(self._silicon.wifi, old.ip))
        self._host.call(move)

    def lease(self):
        return self._ap.dhcp.lease.ip


class StaleAddress(air.Rule):
    """Frames from and to an address that is no longer the station's vanish."""

    def __init__(self, wifi, ip):
        super().__init__()
        self._wifi, self._ip = wifi, ip

    def on_frame(self, frame, now_ms):
        return air.DROP if self._wifi.ip == self._ip else 0


class TwinDns:
    """The name server behind the access point of one board."""

    def __init__(self, host, board, names):
        self._host, self._server, self._names = host, board.dns, names

    def set_mode(self, mode):
        self._host.call(setattr, self._server, "mode", mode)

    def mode(self):
        return self._server.mode

    def move_broker(self, listed=False):
        """The broker's name leads to another address from now on, where it is; at the old one nobody answers. The new address. listed: the old
        one is still named, too, in the first place.
        The boards of a run share their names: the first call moves, the others say where to."""
        return self._host.call(self._names.move, listed)


class TwinNames:
    """Where the brokers of a run are: host names and the addresses that the name server gives."""

    def __init__(self, host, names):
        self._host, self._broker_names = host, names
        self._moved_to = None

    def move(self, listed):
        network, name = self._host.network, self._broker_names[0]
        if self._moved_to is None:
            was = network.names[name][0]
            old = network.host(was)
            del network.names[name]
            self._moved_to = network.add(name, dict(old.routes)).ip
            if listed:
                network.names[name] = ([was, self._moved_to], network.names[name][1])
            old.up = False
            old.reset_all()
        return self._moved_to


class TwinPower:
    def __init__(self, board):
        self._board = board
        self.off, self.on = board.power_off, board.power_on

    def evidence(self):
        return "the supply is off" if self._board.state == "off" else None


class TwinNetwork:
    """What lies between one board and everything behind its access point."""

    def __init__(self, host, board):
        self._host, self._stack = host, board.silicon.stack
        self.set_mode, self.forget_flows, self.evidence = board.network.set_mode, board.network.forget_flows, board.network.evidence

    def reset_flows(self):
        """RST in both directions for every connection there is; how many."""
        def reset():
            flows = list(self._stack.flows)
            for flow in flows:
                if flow.other is not None:
                    flow.other.reset(None)
                flow.reset(None)
            return len(flows)
        return self._host.call(reset)


class TwinAir:
    """Rules for every frame of one board. A rule is named as in the catalogue of faults."""

    def __init__(self, host, board, way=None):
        self._host, self._board, self._way = host, board, way or "wifi"
        self._air = board.silicon.airs[way if way in ("lan", "ppp") else "wifi"]

    def on(self, way):
        """The frames of one of the board's paths only: faults/_air.py has the names."""
        return TwinAir(self._host, self._board, way)

    def add(self, name, seed, **settings):
        rule = rules.made(name, seed, settings)
        if self._way[4:]:
            rule = air.OnlyAt(rule, self._board.silicon.wifi, self._board.options.ether.aps[int(self._way[4:]) - 1])
        return self._host.call(self._air.add, rules.Counting(rule, name))

    def remove(self, rule):
        self._host.call(self._air.remove, rule)

    def evidence(self, rule):
        return rule.evidence()


class TwinMemory:
    """RTC memory of one board. `tell(ev)` writes an event of the chip into the history."""

    def __init__(self, host, board, tell):
        self._host, self._board, self._tell = host, board, tell

    def writes(self):
        return self._board.silicon.rtc.writes

    def tear(self, after_bytes):
        self._board.tear_rtc_write(after_bytes)

    def corrupt(self, bits):
        """Flips [(byte, bit)] and resets the chip: a running program would put its own copy over them."""
        def flip():
            for byte, bit in bits:
                self._board.silicon.rtc.data[byte] ^= 1 << bit
            self._tell("corrupt")
        self._host.call(flip)
        self._board.panic()


class TwinFlash:
    """Flash of one board. Its process says why it was reset."""

    WHY = "cut in a flash write"

    def __init__(self, board, resets):
        """resets(): events of the board's resets so far."""
        self._board, self._resets = board, resets

    def cut(self, after_bytes):
        self._board.cut_flash_write(after_bytes)

    def cuts(self):
        return sum(str(e.get("why", "")).startswith(self.WHY) for e in self._resets())


class TwinLines:
    """The ways in which a board is reset."""

    def __init__(self, host, board):
        self._host, self._board = host, board

    def resets(self):
        return self._board.resets

    def reset(self, kind):
        self._host.call(self._board._reset, power.reset_kind(kind).kind, "reset by the bench")


class TwinClock:
    """The RTC clock of one board."""

    def __init__(self, host, board):
        self._host, self._clock = host, board.silicon.clock

    def set(self, seconds):
        self._host.call(self._clock.set, seconds, 0)

    def set_back(self, seconds):
        """How far it went back: never before 2000."""
        def back():
            now, us = self._clock.now()
            self._clock.set(max(0, now - seconds), us)
            return min(now, seconds)
        return self._host.call(back)
