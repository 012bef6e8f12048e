"""One life of a twin's chip: the process that its parent starts after every reset (host/holdfast_bench/twin/process.py).

argv: descriptors of the link in and out. The first frame tells about the life: cause, wake, clock, seed, MAC, view of the
station, flash image, … Ends by being killed.
"""

import gc
import json
import sys as _sys

from ..world import wire
from ..world.kernel import ChipReset
from . import boot
from .hostio import HostIo
from .link import Link
from .remote import RemoteChip


def main(fd_in, fd_out):
    # What loading leaves behind is collected as it goes: the fakes then lie together, as if they were not in the heap at all.
    gc.threshold(4096)
    io = HostIo()
    told = []
    handlers = {wire.LIFE: lambda number, payload: told.append(json.loads(payload))}
    link = Link(io, int(fd_in), int(fd_out), handlers)
    kernel = link.kernel = io.kernel()
    kernel.wait(None, lambda: told)
    life = told.pop()
    chip = RemoteChip(kernel, link, life)
    handlers[wire.VIEW] = chip.station.seen
    if chip.lan is not None:
        handlers[wire.LAN_VIEW] = chip.lan.seen
    if chip.ppp is not None:
        handlers[wire.PPP_VIEW] = chip.ppp.seen
    handlers[wire.FLOW_DATA] = chip.stack.data
    handlers[wire.FLOW_STATE] = chip.stack.state
    handlers[wire.DATAGRAM_IN] = chip.stack.datagram
    handlers[wire.INCOMING] = chip.stack.incoming
    handlers[wire.LINE_IN] = lambda number, payload: chip.line_in(number, payload) if chip.line_in else None
    handlers[wire.UART_IN] = lambda number, payload: chip.console.feed(payload)
    handlers[wire.FAULT] = lambda number, payload: _fault(chip, *json.loads(payload))
    from .soc import HIDDEN
    boot.install(chip, lambda data: link.send(wire.UART_OUT, 0, data), life["baud"], HIDDEN if life["frozen"] else "")
    chip.console.on_interrupt_char = lambda c: link.tell("interrupt_char", c)
    chip.console.on_interrupt = lambda: link.tell("interrupted")
    link.serve()
    link.tell("uart_on")
    from .flashfile import mount
    try:
        if mount(life):
            chip.console.text("Performing initial setup\n")
    except OSError:
        while True:
            chip.console.text("The filesystem appears to be corrupted.\n")
            kernel.wait(kernel.now_ms + 3000)
    gc.collect()
    gc.threshold(-1)
    if life["measure"]:
        _sys.stdout.write("%d\n" % gc.mem_alloc())
        return
    link.tell("booted", gc.mem_alloc())
    repl = _sys.modules[boot.REPL].Repl()
    try:
        while True:
            boot.life(repl)
            boot.clear("soft")
    except ChipReset as e:
        # A fault in this half has ended the life: the parent does the rest.
        kernel.revive()
        chip.reset(e.kind, e.why, e.sleep_ms)


def _fault(chip, name, *args):
    if name == "cut_flash":
        chip.flash.cut_in(args[0], ChipReset(args[1], "cut in a flash write after %d bytes" % args[0]))


main(*_sys.argv[-2:])
