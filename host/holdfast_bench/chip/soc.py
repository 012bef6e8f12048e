"""The one chip of this process: its world, its memories, the life it is living. The fakes import `chip` from here once
boot.install() has made it.

May use: world. Whoever starts the process (twin child, simulation, a test) gives it kernel, ether and TCP stack.
"""

from ..world.clock import Clock
from ..world.dns import Resolver
from ..world.kernel import ChipReset
from ..world.nvs import Nvs
from ..world.power import SOFT, reset_kind
from ..world.rng import rng_for
from ..world.rtcmem import RtcMemory
from ..world.station import Station
from ..world.wifi import Wifi

from .models import MODELS, PARTITIONS

HIDDEN = "/_frozen"   # where a process mounts what the ESP32 has frozen in; chip/os.py and vfs.py do not show it

chip = None


class Core:
    """What the fakes see of the chip, wherever its world is: in this process (Chip) or behind a twin's link (remote.py).

    Besides the attributes set here: station (world/station.py), resolver (resolve), stack (docs/architecture.md), rtc
    (read, write), nvs, clock, flash, rng.
    """

    def __init__(self, kernel, mac, ticks_start_ms):
        self.kernel = kernel
        self.mac = mac
        self.ticks_start_ms = ticks_start_ms
        self._boots()
        self.model = MODELS["esp32"]
        self.partitions = PARTITIONS
        self.cause = 1
        self.wake = 0
        self.console = None
        self.line_ready = None      # of chip/uart.py, once it is there
        self.uart_lines = {}       # UART number -> function that takes what it sends
        self.line_in = None        # chip/uart.py: (UART number, bytes) have come on the line
        self.stack = None
        self.lan = None            # world/lan.py, where the board has Ethernet
        self.ppp = None            # world/ppp.py, where a modem hangs on one of its UARTs
        self.flash = None
        self.on_block = None       # hears of driver calls that blocked: on_block(what, ms)
        self.enders = []           # functions (kind) of the fakes, called when a life ends ("soft" or a reset kind)

    def _boots(self):
        self.boot_at_ms = self.kernel.now_ms
        self.ticks_zero_ms = self.ticks_start_ms - self.boot_at_ms    # what ticks_ms() is ahead of the world's clock

    def reset(self, kind, why="", sleep_ms=0):
        """End this life from inside it: raises ChipReset."""
        self.kernel.halt(ChipReset(kind, why, sleep_ms))
        self.kernel.check()

    def uart_opened(self, id, baud, room):
        """A UART was set up (baud 0: it ended); room: bytes that may come before RTS stops the other side, None: no RTS."""

    def uart_taken(self, id, n):
        """The program has read n bytes: with RTS, so many more may come."""

    def soft_reset(self):
        """The VM starts again; radio, watchdog, clocks and RTC memory go on."""
        self.end("soft")
        self.cause = SOFT

    def end(self, kind):
        for fn in self.enders:
            fn(kind)


class Chip(Core):
    """A chip with its world in the same process. `ether` is the air around it; its memories may be replaced by others before
    boot.install()."""

    def __init__(self, kernel, ether, seed=0, mac=b"\x24\x0a\xc4\x00\x00\x01", ticks_start_ms=0):
        super().__init__(kernel, mac, ticks_start_ms)
        self.ether = ether
        self.seed = seed
        self.rng = rng_for(seed, "chip")
        self.wifi = Wifi(kernel, ether, rng_for(seed, "radio"), mac)
        self.station = Station(self.wifi)
        self.wifi.on_down = self._address_lost
        self.name_servers = {}     # address -> dns.Server, as reached from this chip
        self.resolver = Resolver(kernel, self._name_server)
        self.rtc = RtcMemory(kernel)
        self.clock = Clock(kernel)
        self.nvs = Nvs()
        self.wdt_timeout_ms = 0
        self.wdt_fed_at_ms = 0
        self._wdt_event = None

    def begin(self, kind):
        """The chip comes up after a reset of that kind: radio off, memories kept or lost as it says."""
        how = reset_kind(kind)
        self.end("reset")
        self.kernel.revive()
        self.wifi.reset()
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
        self.cause, self.wake = how.cause, how.wake
        self._boots()
        self.wdt_disarm()

    # --- watchdog: by kernel event -------------------------------------------------------------------------------------

    def wdt_arm(self, timeout_ms):
        self.wdt_timeout_ms = timeout_ms
        self.wdt_feed()
        self.kernel.cancel(self._wdt_event)
        self._wdt_event = self.kernel.after(timeout_ms, self._wdt_look)

    def wdt_feed(self):
        self.wdt_fed_at_ms = self.kernel.now_ms

    def wdt_disarm(self):
        self.kernel.cancel(self._wdt_event)
        self._wdt_event = None

    def _wdt_look(self, _):
        left_ms = self.wdt_fed_at_ms + self.wdt_timeout_ms - self.kernel.now_ms
        if left_ms > 0:
            self._wdt_event = self.kernel.after(left_ms, self._wdt_look)
        else:
            self.kernel.halt(ChipReset("task_wdt", "not fed for %d ms" % self.wdt_timeout_ms))

    # --- network -----------------------------------------------------------------------------------------------------

    def add_lan(self, cable, air_of):
        """Ethernet, at this cable. air_of(passes) makes the air of its frames; the stack has to be there."""
        from ..world.lan import Lan
        self.lan = lan = Lan(self.kernel, cable, rng_for(self.seed, "lan"), self.mac)
        air = air_of(lan.passes)
        lan.on_down = lambda: self.stack.address_lost(air)
        lan.on_dns = lambda ip: self.station.configure("dns", ip)
        self.stack.add_way(lan, air, lan.prio)
        return air

    def add_modem(self, modem, uart, net, air_of):
        """A modem on a UART, and the operator's network behind it."""
        from ..world.ppp import Ppp
        self.ppp = ppp = Ppp(self.kernel, modem, net)
        air = air_of(modem.passes)
        ppp.on_down = lambda: self.stack.address_lost(air)
        ppp.on_dns = lambda ip: self.station.configure("dns", ip)
        way = self.stack.add_way(ppp, air, ppp.prio)
        ppp.on_default = lambda on: self.stack.routes.take(way, on)
        self.uart_lines[uart] = modem.hear
        modem.say = lambda data: self.line_in and self.line_in(uart, data)
        return air

    def _address_lost(self):
        if self.stack is not None:
            self.stack.address_lost()

    def _name_server(self, ip):
        if self.stack is not None and self.stack.routes is not None:
            air = self.stack.air_to(ip)
            return self.name_servers.get(ip) if air is not None and air.passes() else None
        return self.name_servers.get(ip) if self.wifi.passes() and self.wifi.ip != "0.0.0.0" else None
