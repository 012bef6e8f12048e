"""The home of virtual boards: an event loop in a thread of its own, the network behind their access points, and their folder.

May be used from any thread, and as a context manager. May use: the rest of twin/, mpy, choices.
"""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from .. import mpy
from ..choices import Interpreter, choices
from ..errors import BenchError
from ..world import wire
from ..world.dhcp import Lease
from ..world.dhcp import Server as DhcpServer
from ..world.ether import AccessPoint, Ether
from ..world.lan import Cable
from ..world.modem import Modem
from . import flashimage, heap
from .board import VirtualBoard
from .clockwork import LoopKernel
from .bridge import forwarded, forwarded_udp
from .network import FIRST_BOARD, GATEWAY, PREFIX, SECOND, WIRED, Network
from .rom.chips import CHIPS, ChipModel

SSID = "holdfast"
KEY = "holdfast-key"
CALL_LIMIT_S = 30


@dataclass
class BoardOptions:
    """Everything a board is made with; TwinHost.add_board() fills in what is not given."""

    port: Path
    ether: Ether
    mac: bytes
    seed: int
    interpreter: Interpreter
    heap_bytes: int
    code: Path
    frozen: Path | None
    baud: int
    ticks_start_ms: int
    flash_size: int
    fast_flash: bool
    chip: ChipModel
    cable: Cable | None = None
    modem: Modem | None = None


class TwinHost:
    """Owns boards, network and loop thread. `heard(src, ev, **fields)` gets every event, in the loop's thread; src is
    "chip/NAME". `folder`: where the boards keep flash and ports (a temporary one when not given)."""

    def __init__(self, heard=None, folder=None):
        self._heard = heard if heard is not None else lambda src, ev, **fields: None
        self._own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="holdfast-")).resolve()      # its processes have another working directory
        self.boards = {}
        self._forwards = []
        self._counter = itertools.count()
        self._thread = None
        self._closed = False

    # --- the loop's thread -----------------------------------------------------------------------------------------------

    def start(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="twins", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def _run(self, ready):
        self.loop = asyncio.new_event_loop()
        self.kernel = LoopKernel(self.loop)
        self.network = Network(self.kernel, self.loop)
        self.loop.call_soon(ready.set)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self._shut())
            self.loop.close()

    async def _shut(self):
        for server in self._forwards:
            server.close()
        for board in list(self.boards.values()):
            board._close()
        for host in self.network.hosts():
            await host.close()

    def call(self, fn, *args):
        """Run fn(*args) in the loop's thread, at the model's present time; its result, or its exception."""
        def run():
            self.kernel.catch_up()
            return fn(*args)

        if threading.current_thread() is self._thread:
            return run()
        if self._closed or self._thread is None:
            raise BenchError("the twins' host is not running")

        async def task():
            return run()

        return self.run(task())

    def run(self, coroutine):
        """The result of a coroutine that is run in the loop; not to be called from there."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(CALL_LIMIT_S)

    def stop(self):
        """End everything: no process, port or folder of ours is left. May be called twice."""
        if self._closed or self._thread is None:
            return
        self._closed = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(CALL_LIMIT_S)
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    # --- what there is ---------------------------------------------------------------------------------------------------

    def add_host(self, name, routes, udp=None):
        """A host of the boards' network, e.g. add_host("broker", {1883: ("127.0.0.1", 18830)}): known by DNS as `broker`, by mDNS
        as broker.local; udp: the same for UDP ports. -> its address there."""
        return self.call(lambda: self.network.add(name, routes, udp).ip)

    def forward(self, board, port, udp=False):
        """A real TCP (or UDP) port of this machine that leads to `port` of a board, as from a host of its network. -> (host, real port)"""
        host_ip = self.add_host("outside", {})
        if udp:
            future = asyncio.run_coroutine_threadsafe(forwarded_udp(self.network.host(host_ip), board.silicon.stack, port), self.loop)
            transport, at = future.result(CALL_LIMIT_S)
            self._forwards.append(transport)
            return at
        future = asyncio.run_coroutine_threadsafe(forwarded(self.network.host(host_ip), board.silicon.stack, port), self.loop)
        server = future.result(CALL_LIMIT_S)
        self._forwards.append(server)
        return server.sockets[0].getsockname()[:2]

    def calls(self):
        """How many connections from outside (see `forward`) have not ended on both sides."""
        return len(self.network.host(self.add_host("outside", {})).peers)

    def add_board(self, name=None, *, interpreter=None, port=None, ether=None, seed=None, baud=115200, heap_bytes=None,
                  ticks_start_ms=0, fast_flash=False, mac=None, chip="esp32", blank=False, lan=False, modem=None):
        """A board, switched off. It stands in an air of its own with the access point "holdfast" (key "holdfast-key") unless
        `ether` is given. heap_bytes: what the firmware may use (default: an ESP32's); port: the port's path; chip: a name of
        rom.chips; blank: nothing has ever been flashed, not even MicroPython; lan: it has Ethernet, and a cable that is plugged in;
        modem: on UART 1: True, or a dict with pin and apn of its SIM card."""
        if chip not in CHIPS:
            raise BenchError("there is no chip %r, only %s" % (chip, ", ".join(CHIPS)))
        number = next(self._counter)
        name = name or "twin%d" % (number + 1)
        if name in self.boards:
            raise BenchError("there is a board %s already" % name)
        found = choices()
        interpreter = interpreter or found.twin
        code = mpy.world_and_chip()
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "flash.bin").exists():
            flashimage.blank(folder / "flash.bin") if blank else flashimage.with_micropython(folder / "flash.bin", CHIPS[chip])
        options = BoardOptions(
            port=Path(port or folder / "port"), ether=ether or self.new_ether(number), seed=number if seed is None else seed,
            mac=mac or bytes((0x24, 0x0A, 0xC4, number >> 16 & 255, number >> 8 & 255, number & 255)), interpreter=interpreter,
            code=code, frozen=found.umqtt, baud=baud, ticks_start_ms=ticks_start_ms, flash_size=flashimage.SIZE, fast_flash=fast_flash, chip=CHIPS[chip],
            cable=Cable(_router(WIRED, number)) if lan else None,
            modem=Modem(self.kernel, **(modem if isinstance(modem, dict) else {})) if modem else None,
            heap_bytes=(heap_bytes or heap.budget(interpreter.bits)) + self._share(code, interpreter))
        src = "chip/" + name
        board = self.call(lambda: VirtualBoard(self, name, folder, options, lambda ev, **fields: self._heard(src, ev, **fields)))
        self.boards[name] = board
        return board

    def remove_board(self, board):
        """Switch it off and take its port away; its folder stays until the host stops."""
        self.call(board._close)
        del self.boards[board.name]

    def new_ether(self, number=0, networks=1):
        """An air of its own with one access point, whose DHCP gives 10.73.0.(100 + number); with two there is holdfast2, too, behind which
        10.76.0 is."""
        ether = Ether()
        lease = Lease(PREFIX + str(FIRST_BOARD + number % 150), gateway=GATEWAY, dns=(GATEWAY,))
        ether.add(AccessPoint(SSID, KEY, dhcp=DhcpServer(lease)))
        if networks > 1:
            ether.add(AccessPoint(SSID + "2", KEY + "2", bssid=b"\x02\xaa\x00\x00\x00\x02", channel=11, rssi=-65, dhcp=_router(SECOND, number)))
        return ether

    def _share(self, code, interpreter):
        return heap.measured(code, interpreter, lambda: _measure(code, interpreter))


def _router(net, number):
    """The DHCP server of another way to the same hosts."""
    return DhcpServer(Lease(net + str(FIRST_BOARD + number % 150), gateway=net + "1", dns=(net + "1",)))


def _measure(code, interpreter):
    """The heap that is taken at the prompt of a fresh chip, in bytes."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as null:
        flashimage.blank(Path(folder) / "flash.bin")
        life = dict(cause=1, wake=0, seed=0, mac=[0] * 6, ticks_start_ms=0, clock=[0, 0], view=[], lan=None, ppp=None, baud=115200, frozen="/", measure=True,
                    flash=folder + "/flash.bin", flash_size=flashimage.SIZE, fast_flash=True, chip="esp32", partitions=[[1, 129, flashimage.VFS_AT, flashimage.SIZE - flashimage.VFS_AT, "vfs"]])
        told = Path(folder) / "life"
        told.write_bytes(wire.frame_json(wire.LIFE, 0, life))
        with open(told) as to_chip:
            done = subprocess.run([*interpreter.command, "-X", "heapsize=2m", "-c", "import holdfast_bench.chip.child", str(to_chip.fileno()),
                                   str(null.fileno())], cwd=code, pass_fds=[to_chip.fileno(), null.fileno()], capture_output=True,
                                  text=True, timeout=30)
    if done.returncode or not done.stdout.strip().isdigit():
        raise BenchError("the chip's fakes do not start with %s: %s" % (interpreter.command[0], (done.stderr or done.stdout).strip()[-300:]))
    return int(done.stdout)
