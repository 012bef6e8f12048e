"""One chip in one process, for trying firmware without a bench: `micropython -m holdfast_bench.chip.solo ROOT [options]`.

ROOT becomes the chip's file system. A good access point "holdfast" (key "holdfast-key") is on the air, and broker.local
(10.73.0.2, any port) is this machine. The terminal is the UART; a reset starts the next life; Ctrl-C twice ends it.
Options: --umqtt DIR (a folder that has umqtt/), --ticks MS (start of ticks_ms), --lives N (stop after N lives).
"""

import os as _os
import sys as _sys

from ..world.dhcp import Lease
from ..world.dhcp import Server as DhcpServer
from ..world.dns import Server as DnsServer
from ..world.ether import AccessPoint, Ether
from ..world.kernel import ChipReset
from ..world.power import rom_log
from . import boot
from .hostio import IN, HostIo, HostStack
from .soc import HIDDEN, Chip


_stdout = _sys.stdout.buffer if hasattr(_sys.stdout, "buffer") else open(1, "wb")


class _Anywhere:
    """Routes of a HostStack: the name's address is this machine, on the same port."""

    def get(self, address, other):
        return ("127.0.0.1", address[1]) if address[0] == "10.73.0.2" else other


def main(argv):
    root = argv[0]
    options = {argv[i]: argv[i + 1] for i in range(1, len(argv) - 1, 2)}
    io = HostIo()
    kernel = io.kernel()
    ether = Ether()
    ether.add(AccessPoint("holdfast", "holdfast-key", dhcp=DhcpServer(Lease("10.73.0.15"))))
    chip = Chip(kernel, ether, ticks_start_ms=int(options.get("--ticks", 0)))
    chip.stack = HostStack(io, chip.wifi, _Anywhere())
    chip.name_servers["10.73.0.1"] = DnsServer({"broker.local": ("10.73.0.2", 60), "broker": ("10.73.0.2", 60)})
    chip.resolver.mdns["broker.local"] = "10.73.0.2"
    frozen = _absolute(options["--umqtt"]) if "--umqtt" in options else ""
    boot.install(chip, lambda data: _stdout.write(data), frozen=HIDDEN if frozen else "")
    if frozen:
        _os.mount(_os.VfsPosix(frozen), HIDDEN)
    real = _os.VfsPosix(_absolute(root))
    _os.umount("/")
    _os.mount(real, "/")
    _os.chdir("/")
    stdin = open(0, "rb")

    def arrived(got):
        data = stdin.read(1)
        if data:
            chip.console.feed(data)
        else:
            io.unwatch(stdin)

    io.watch(stdin, IN, arrived)
    _run(chip, int(options.get("--lives", 0)))


def _absolute(path):
    return path if path[0] == "/" else _os.getcwd() + "/" + path


def _run(chip, lives):
    kind = "power_on"
    while True:
        repl = _sys.modules[boot.REPL].Repl()
        try:
            chip.begin(kind)
            _stdout.write(rom_log(kind).encode())
            while True:
                boot.life(repl)
                boot.clear("soft")
        except ChipReset as e:
            kind = e.kind
            _stdout.write(("[reset: %s, %s]\r\n" % (kind, e.why)).encode())
            lives -= 1
            if lives == 0:
                return
            chip.kernel.revive()
            boot.clear(kind)
            if e.sleep_ms:
                chip.kernel.wait(chip.kernel.now_ms + e.sleep_ms)


main(_sys.argv[1:])
