"""A virtual board: power, reset lines, watchdog, serial port, and the life of the chip that is running.

Its public methods may be called from any thread; what begins with an underscore runs in the loop's thread. May use: the rest of
twin/, world.power.
"""

import json
import threading
from pathlib import Path

from ..errors import TimedOut
from ..world import power, wire
from ..world.kernel import ChipReset
from .air import AccessPointSwitch
from .flashimage import FlashFile
from .network import Faults
from .port import SerialPort
from .process import Process
from .rfc2217 import Rfc2217Port
from .rom import boot
from .rom.loader import CALL, Loader
from .silicon import Silicon

ROM_MS = 250            # from a reset to the start of MicroPython: ROM, boot loader, IDF
LOOP_S = 0.9            # a round of a boot that finds nothing to start
INTERRUPT_S = 0.2       # a program that has not noticed Ctrl-C by then is computing: it gets the signal

NVS_AT = 0x9000

OFF, BOOTING, RUNNING, SLEEPING = "off", "booting", "running", "sleeping"
BOOT_LOOP, LOADER, HELD = "boot loop", "loader", "held in reset"


class VirtualBoard:
    """One board. Made by TwinHost.add_board(); the port's path for tools is `port`.

    Events (`heard(ev, **fields)`): reset (kind, cause, why), boot (cause), bite (timeout_ms), radio (name, reason), power (on),
    sleep (ms), wake, boot_loop (why), loader (by).
    """

    def __init__(self, host, name, folder, options, heard):
        self.host, self.name, self.folder, self.options = host, name, Path(folder), options
        self._loop, self._kernel, self._heard = host.loop, host.kernel, heard
        self.state = OFF
        self.resets = 0
        self.bites = 0
        self._process = None
        self._timer = None
        self._wdt = None             # (timeout_s, handle); fed at _fed_at
        self._fed_at = 0.0
        self._kind = "power_on"
        self._uart_on = False        # the life has set its UART up; what comes before is lost, as on the chip
        self._interrupt_char = -1
        self._interrupt = None
        self._running = threading.Event()
        self._port = SerialPort(self._loop, options.port, options.baud, self._input, self._hung_up)
        self._network_port = None
        self._lines = {}             # UART number -> its port
        self._line_set = {}          # UART number -> (baud, room), as the running program has set it
        self.chip = options.chip
        self.flash = FlashFile(self.folder / "flash.bin", options.flash_size, self._erased)
        self._loader = None
        self._called = False         # esptool has called on a port without DTR and RTS: the loader lasts until it hangs up
        self._heard_last = b""       # the end of the input, to recognise such a call
        self.port = self._port.path
        self.silicon = silicon = Silicon(self._kernel, self._loop, options.ether, host.network, options.seed, options.mac, self._send, heard, options.cable, options.modem)
        self.network = Faults(host, silicon)
        self.access_point = AccessPointSwitch(host, silicon)
        self.dns = silicon.dns           # .mode: world/dns.py
        self.dhcp = self.access_point.dhcp

    def wait_running(self, limit_s=10):
        """Until MicroPython runs (boot.py is next) and input is no longer lost. Raises TimedOut."""
        if not self._running.wait(limit_s):
            raise TimedOut("MicroPython to start on %s" % self.name, limit_s * 1000, "state %s" % self.state)

    # --- what a bench does to a board ----------------------------------------------------------------------------------

    def power_on(self):
        self.host.call(self._power_on)

    def power_off(self):
        self.host.call(self._power_off)

    def en_reset(self):
        """The reset button (or RTS): a power-on reset for the chip."""
        self.host.call(self._reset, "en", "EN reset")

    def download(self):
        """The reset button with BOOT held down: the ROM's loader, until the next reset."""
        self.host.call(self._into_loader, "BOOT held")

    def brownout(self):
        self.host.call(self._reset, "brownout", "brown-out")

    def panic(self):
        """A crash in C code, as from a stray pointer."""
        self.host.call(self._reset, "panic", "panic")

    def tear_rtc_write(self, after_bytes, kind="panic"):
        """The next write to RTC memory stops after that many bytes, and the chip is reset (kind: world/power.py)."""
        self.host.call(self.silicon.rtc.tear_next, after_bytes, ChipReset(kind, "cut in an RTC write after %d bytes" % after_bytes))

    def cut_flash_write(self, after_bytes, kind="power_on"):
        """The power goes (or the chip is reset) after that many more bytes written to flash."""
        self.host.call(self._send, wire.FAULT, 0, json.dumps(["cut_flash", after_bytes, kind]).encode())

    def uart(self, data):
        """Bytes to the REPL's UART, as from a tool on the port."""
        self.host.call(self._input, data)

    def uart_port(self, number):
        """The path of a pseudo-terminal on which UART 1 or 2 of the board ends. Bytes travel at the speed that the program has set."""
        return self.host.call(self._uart_port, number)

    def uart_listens(self, number):
        """Whether a program has that UART open: bytes that come otherwise are lost."""
        return self._lines[number].listening

    def _uart_port(self, number):
        if number not in self._lines:
            line = SerialPort(self._loop, self.folder / ("uart%d" % number), 9600, lambda data: self._send(wire.LINE_IN, number, data))
            self._lines[number] = line
            line.set_speed(*self._line_set.get(number, (0, None)))
        return self._lines[number].path

    # --- power and reset -----------------------------------------------------------------------------------------------

    def serve_rfc2217(self, port=0):
        """Its serial port over TCP, too, with DTR and RTS. -> the port. Raises BenchError when it is taken."""
        made = Rfc2217Port(self._loop, port, self._port.receive, self._port.flush_input, self._hold, self._release)
        self.host.run(made.serve())
        self._network_port = self._port.other = made
        return made.port

    def _power_on(self):
        if self.state == OFF:
            self._heard("power", on=True)
            self._begin("power_on", "power on")

    def _power_off(self):
        if self.state != OFF:
            self._stop()
            self.state = OFF
            self._heard("power", on=False)

    def _reset(self, kind, why, sleep_ms=0):
        """End this life; the next one begins as `kind` says. Nothing happens without power."""
        if self.state == OFF:
            return
        self._stop()
        if kind == "panic":
            self._port.write(power.panic_log().encode())
        self.resets += 1
        self._heard("reset", kind=kind, cause=power.reset_kind(kind).cause, why=why)
        if kind == "deep_sleep" and sleep_ms != 0:
            self.state = SLEEPING
            self._heard("sleep", ms=sleep_ms)
            if sleep_ms > 0:
                self._timer = self._loop.call_later(sleep_ms / 1000, self._wake)
            return
        self._begin(kind, why)

    def _wake(self):
        self._heard("wake")
        self._begin("deep_sleep", "timer")

    def _stop(self):
        """Whatever goes on ends now; peers on the network are not told."""
        for handle in (self._timer, self._wdt and self._wdt[1], self._interrupt):
            if handle:
                handle.cancel()
        self._timer = self._wdt = self._interrupt = None
        self._loader, self._called = None, False
        self._port.paced = True
        if self._process is not None:
            self._process.kill()
            self._process = None
        self._running.clear()
        self._port.flush_input()
        self._line_set.clear()
        for line in self._lines.values():
            line.set_speed(0)
        self._uart_on = False
        self._interrupt_char = -1
        self.silicon.end()

    def _begin(self, kind, why):
        self.state, self._kind, self._began_at_ms = BOOTING, kind, self._kernel.now_ms
        self.silicon.begin(power.reset_kind(kind))
        self._boot(kind)

    def _boot(self, kind):
        """ROM and boot loader: they find MicroPython in the flash, or go round for ever."""
        try:
            self.found = boot.look(self.flash, self.chip)
        except boot.NotBootable as e:
            if self.state != BOOT_LOOP:
                self.state = BOOT_LOOP
                self._heard("boot_loop", why=e.why)
            self._port.write((power.rom_log(kind, self.chip.name, loads=e.text.startswith("E ")) + e.text).encode())
            self._timer = self._loop.call_later(LOOP_S, self._boot, "loop")
            return
        self.state = BOOTING
        self._port.write(power.rom_log(kind, self.chip.name).encode())
        self._timer = self._loop.call_later(ROM_MS / 1000, self._start)

    # --- the ROM's loader ----------------------------------------------------------------------------------------------

    def _hold(self):
        """EN low."""
        if self.state != OFF:
            self._stop()
            self.state = HELD

    def _release(self, download):
        """EN up again: the loader when IO0 is low."""
        if self.state == HELD:
            if download:
                self._into_loader("DTR and RTS")
            else:
                self._reset("en", "EN by RTS")

    def _into_loader(self, by):
        if self.state == OFF:
            return
        self._stop()
        self.resets += 1
        self.state = LOADER
        self._heard("loader", by=by)
        self.silicon.begin(power.reset_kind("en"))
        self._loader = Loader(self.chip, self.flash, self.options.mac, self._port.send)
        self._port.paced = False
        self._port.write(power.rom_log("en", self.chip.name, download=True).encode())

    def _hung_up(self):
        """The tool has closed the port. When it had called the loader by itself there is no line by which to end that: this is."""
        if self.state == LOADER and self._called:
            self._reset("en", "the port was closed")

    def _erased(self, offset, size):
        """The loader has erased: NVS is a part of the flash, although it is kept elsewhere here."""
        if offset <= NVS_AT < offset + size:
            self.silicon.nvs.entries.clear()

    def _start(self):
        self._timer = None
        how, o = power.reset_kind(self._kind), self.options
        life = dict(cause=how.cause, wake=how.wake, seed=o.seed + self.resets, mac=list(o.mac), ticks_start_ms=o.ticks_start_ms,
                    clock=self.silicon.clock.now(), view=self.silicon.station.view(), lan=self.silicon.lan.view() if self.silicon.lan else None,
                    ppp=self.silicon.ppp.view() if self.silicon.ppp else None, baud=o.baud, measure=False, frozen=str(o.frozen or ""),
                    flash=str(self.folder / "flash.bin"), flash_size=o.flash_size, fast_flash=o.fast_flash, chip=self.chip.name,
                    partitions=[[p.type, p.subtype, p.offset, p.size, p.label] for p in self._partitions()])
        self._process = Process(self._loop, o.interpreter, o.heap_bytes, o.code, life, self.folder / "process.log",
                                self._frame, self._ended)

    def _partitions(self):
        found = [p for p in self.found.partitions if p.label != "vfs"]
        return found + [self.found.vfs]

    def _ended(self):
        """The process ended by itself: on the chip that would be a crash of the VM."""
        self._process = None
        self._reset("panic", "the interpreter ended by itself, see %s" % (self.folder / "process.log"))

    # --- the process's frames ------------------------------------------------------------------------------------------

    def _send(self, kind, number, payload):
        if self._process is not None:
            self._process.send(kind, number, payload)

    def _frame(self, kind, number, payload):
        if kind == wire.UART_OUT:
            self._port.write(payload)
        elif kind == wire.CALL:
            self.silicon.call(number, json.loads(payload))
        elif kind == wire.FLOW_WRITE:
            self.silicon.flow_write(number, payload)
        elif kind == wire.LINE_OUT:
            if number in self._lines:
                self._lines[number].write(payload)
            else:
                self.silicon.line_out(number, payload)
        elif kind == wire.DATAGRAM_OUT:
            self.silicon.datagram_out(number, payload)
        elif kind == wire.NVS_BLOB:
            self.silicon.write_blob(number, payload)
        elif kind == wire.RTC_WRITE:
            try:
                self.silicon.write_rtc(number, payload)
            except ChipReset as e:
                self._reset(e.kind, e.why)
        else:
            name, *args = json.loads(payload)
            getattr(self, "_on_" + name, None)(*args) if hasattr(self, "_on_" + name) else getattr(self.silicon, "on_" + name)(*args)

    def _on_booted(self, mem_alloc):
        self.state = RUNNING
        self._running.set()
        self.mem_alloc = mem_alloc
        self._heard("boot", cause=power.reset_kind(self._kind).cause)

    def _on_line(self, number, baud, room):
        self._line_set[number] = (baud, room)
        if number in self._lines:
            self._lines[number].set_speed(baud, room)

    def _on_line_taken(self, number, n):
        if number in self._lines:
            self._lines[number].taken(n)

    def _on_reset(self, kind, why, sleep_ms):
        self._reset(kind, why, sleep_ms)

    def _on_soft_reset(self):
        self._heard("reset", kind="soft", cause=power.SOFT, why="soft reset")

    # --- watchdog ------------------------------------------------------------------------------------------------------

    def _on_wdt(self, timeout_ms):
        if self._wdt:
            self._wdt[1].cancel()
        self._fed_at = self._loop.time()
        self._wdt = (timeout_ms / 1000, self._loop.call_later(timeout_ms / 1000, self._wdt_look))

    def _on_fed(self):
        self._fed_at = self._loop.time()

    def _wdt_look(self):
        timeout_s = self._wdt[0]
        left_s = self._fed_at + timeout_s - self._loop.time()
        if left_s > 0:
            self._wdt = (timeout_s, self._loop.call_later(left_s, self._wdt_look))
            return
        self.bites += 1
        busy = self._process is not None and self._process.computing()
        self._heard("bite", timeout_ms=int(timeout_s * 1000), computing=busy)
        self._port.write(power.task_wdt_log(self._kernel.now_ms - self._began_at_ms, busy).encode())
        self._reset("task_wdt", "not fed for %d ms" % (timeout_s * 1000))

    # --- the serial line -----------------------------------------------------------------------------------------------

    def _input(self, data):
        """Bytes from the port. Ctrl-C is for the console to notice; a program that computes and never looks gets a signal."""
        if self._loader is not None:
            self._loader.feed(data)
            if self._loader is not None and self._loader.ended:
                self._reset("en", "the loader was told to start the program")
            return
        # esptool on a port without DTR and RTS: as if somebody held BOOT and tapped RESET for it.
        self._heard_last = (self._heard_last + data)[-64:]
        if CALL in self._heard_last and self.state != OFF:
            self._heard_last = b""
            self._into_loader("esptool's call")
            self._called = True
            return
        if not self._uart_on:
            return
        self._send(wire.UART_IN, 0, data)
        if self._interrupt_char >= 0 and self._interrupt_char in data and self._interrupt is None:
            self._interrupt = self._loop.call_later(INTERRUPT_S, self._signal)

    def _signal(self):
        self._interrupt = None
        if self._process is not None and self._interrupt_char >= 0:
            self._process.interrupt()

    def _on_uart_on(self):
        self._uart_on = True

    def _on_interrupt_char(self, c):
        self._interrupt_char = c
        if c < 0:
            self._on_interrupted()

    def _on_interrupted(self):
        if self._interrupt:
            self._interrupt.cancel()
            self._interrupt = None

    def _close(self):
        self._power_off()
        if self._network_port is not None:
            self._network_port.close()
        for line in self._lines.values():
            line.close()
        self._port.close()
