"""Runs one probe on the chip's fakes in virtual time: `micropython -m lab_sim PROBE BASE FLASH FROZEN`; what the chip prints goes to stdout.

The counterpart of a host at the serial port: a step begins when the chip stands at its prompt. Loops that call nothing are
given a call, for without one virtual time stands still (docs/architecture.md).
"""

import gc
import re
import sys as _sys

import probe_world
import steps
from holdfast_bench.chip import boot
from holdfast_bench.chip.soc import HIDDEN, Chip
from holdfast_bench.world.air import Air
from holdfast_bench.world.dns import Server as DnsServer
from holdfast_bench.world.kernel import ChipReset, VirtualKernel
from holdfast_bench.world.power import panic_log, rom_log, task_wdt_log
from holdfast_bench.world.tcp_chip import Stack

BOOT_MS = 300
HOST_MS = 1             # until the host does what the chip asks for
DELAY_MS = 10           # one way to the host: the recording's round trips took about 20 ms
FLASH_SIZE = 4 * 1024 * 1024

_out = open(1, "wb")


class Done(BaseException):
    pass


class Lab:
    def __init__(self, probe, base, flash, frozen):
        self.kernel = kernel = VirtualKernel()
        self.world = probe_world.Surroundings(kernel, base)
        self.chip = chip = Chip(kernel, self.world.ether, mac=probe_world.MAC)
        air = Air(kernel, chip.wifi.passes, DELAY_MS)
        dns = chip.name_servers[probe_world.DNS] = DnsServer()
        chip.stack = Stack(kernel, air, chip.wifi, self.world.find_host, 17)
        self.world.join(air, dns)
        with open(probe) as f:
            self.steps = steps.read(f.read(), base)
        self.raw = False
        self._line = b""
        boot.install(chip, self._sent, frozen=HIDDEN)
        self._banner = _sys.modules[boot.REPL].Repl()._banner
        from holdfast_bench.chip.flashfile import mount
        if mount({"flash": flash, "flash_size": FLASH_SIZE, "fast_flash": False, "frozen": frozen}):
            self._fresh = True
        self._note_waits(_sys.modules["holdfast_bench.chip.sched"])
        gc.collect()

    def _note_waits(self, sched):
        wait = sched.wait

        def noted(*args):
            self._busy = False
            found = wait(*args)
            self._busy = True
            return found

        self._busy = True
        sched.wait = noted

    def _sent(self, data):
        """What the chip prints; a line "@…" is a wish."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            text = line.decode().strip("\r")
            if text.startswith("@"):
                self.kernel.after(HOST_MS, self.world.do, text[1:])
            else:
                _out.write(line + b"\n")

    def live(self):
        """Life after life, until no step is left."""
        kind = "power_on"
        while True:
            sleep_ms = 0
            try:
                self._busy = True
                self.chip.begin(kind)
                self._sent(rom_log(kind).encode())
                self.kernel.wait(self.kernel.now_ms + BOOT_MS)
                if self._fresh:
                    self._fresh = False
                    self.chip.console.text("Performing initial setup\n")
                while True:
                    boot.life(self)
                    boot.clear("soft")
            except ChipReset as e:
                kind, sleep_ms = e.kind, e.sleep_ms
                if kind == "task_wdt":
                    # Whoever does not wait computes.
                    self._sent(task_wdt_log(self.kernel.now_ms - self.chip.boot_at_ms, self._busy).encode())
                elif kind == "panic":
                    self._sent(panic_log().encode())
            except Done:
                return
            self.chip.kernel.revive()
            self.chip.stack.reset()
            boot.clear(kind)
            if sleep_ms:
                self.kernel.wait(self.kernel.now_ms + sleep_ms)

    def run(self, scope):
        """The prompt of this life: the steps that belong to it. Called by boot.life()."""
        self._banner()
        while self.steps:
            step = self.steps[0]
            kind, step.kind = step.kind, "run"
            if kind == "softreset":
                return
            if kind == "machinereset":
                self.chip.reset("software")
            if kind == "powercycle":
                self.chip.reset("power_on")
            if kind == "sysreset":
                self.chip.reset("en")
            self.steps.pop(0)
            self._run(step, scope)
        raise Done

    def _run(self, step, scope):
        code = re.sub("while (1|True): pass", "while True: time.sleep_us(500)", step.code)
        timer = self.kernel.after(step.limit_s * 1000, self._interrupt)
        self._interrupted = False
        console = self.chip.console
        try:
            try:
                console.interrupt_char = 3
                exec(compile(code, "<stdin>", "exec"), scope)
            finally:
                console.interrupt_char = -1
        except KeyboardInterrupt:
            if not self._interrupted:
                raise
        except Exception as e:
            console.print_exception(e)
        self.kernel.cancel(timer)

    def _interrupt(self, _):
        self._interrupted = True
        self.chip.console.feed(b"\x03")


def main(probe, base, flash, frozen):
    Lab(probe, int(base), flash, frozen).live()


main(*_sys.argv[-4:])
