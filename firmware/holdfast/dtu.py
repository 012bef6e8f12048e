# dtu.py - the serial-to-network unit (R35): packets of a UART become messages, messages become bytes on the UART. Loaded where configured.
# May import: machine, asyncio, packetize, dtu_server, outbox, bell; the node is handed in.   Time: ticks.
# Blocks: never; what goes to the UART is paced by its speed and by CTS, so its buffer always has room.
#
# Towards the network it is an application like any other: what it publishes is in the outbox, so outages, resets and order are the outbox's
# affair. Where that is full and the class says "raise", the line is left unread, and flow control, if wired, stops the sender.
from asyncio import core, create_task, sleep_ms
from machine import UART, Pin
from micropython import const
from time import ticks_ms

from .bell import Bell
from .outbox import Full
from .packetize import Packets

_CHUNK = const(128)  # bytes read and written in one piece
_TX_BYTES = const(512)
_FULL_MS = const(50)  # pause before a packet that found no room is offered again
_DOWN_MAX = const(2048)  # bytes that may wait for the line
_LIMIT_MS = const(60000)  # of the watchdog
_HELD_MS = const(5)  # between looks at a line that the device has stopped
_TURN_MS = const(20000)


def open_uart(cfg):
    pins = {name: cfg[name] for name in ("tx", "rx", "rts", "cts") if cfg[name] is not None}
    flow = (UART.RTS if "rts" in cfg["flow"] else 0) | (UART.CTS if "cts" in cfg["flow"] else 0)
    parity = {"none": None, "even": 0, "odd": 1}[cfg["parity"]]
    return UART(cfg["uart"], cfg["baud"], bits=cfg["bits"], parity=parity, stop=cfg["stop"], rxbuf=cfg["rx_bytes"], txbuf=_TX_BYTES, flow=flow, **pins)


class Dtu:
    # sink(packet) -> False when there is no room now; None: packets are published.
    def __init__(self, node, cfg, sink=None):
        self._node = node
        self._cfg = cfg
        self._uart = open_uart(cfg)
        self._de = Pin(cfg["de"], Pin.OUT, value=0) if cfg["de"] is not None else None
        self._packets = Packets(cfg["length"], cfg["delimiter"], cfg["idle_ms"], min(cfg["longest"], node.longest), sink or self._publish)
        self._queue = []  # for the line
        self._queued = 0
        self._bell = Bell()
        self._beat = node.watchdog.watch("dtu", _LIMIT_MS)
        self.bytes_in = self.bytes_out = self.refused = 0
        if not sink:
            node.on(cfg["down"], cfg["down_qos"])(lambda topic, payload: self.send(payload))

    def start(self):
        self._beat.task = create_task(self._listen())
        create_task(self._speak())

    def _publish(self, packet):
        cfg = self._cfg
        try:
            self._node.publish(cfg["up"], bytes(packet), cfg["qos"], cls=cfg["class"])
        except Full:
            return False

    # Is there room for n bytes more?
    def room(self, n):
        return self._queued + n <= _DOWN_MAX

    # Bytes for the line. When too many are waiting already they are dropped, counted and reported.
    def send(self, data):
        if not self.room(len(data)):
            self.refused += 1
            return self._node.error("busy", "serial line: %d bytes dropped" % len(data))
        self._queue.append(data)
        self._queued += len(data)
        self._bell.ring()

    async def _listen(self):
        uart = self._uart
        packets = self._packets
        chunk = memoryview(bytearray(_CHUNK))
        rest = 0  # bytes of the chunk that found no room, from `at` on
        at = 0
        while True:
            if packets.held:
                await sleep_ms(_FULL_MS)
                packets.retry()
                continue
            if rest:
                used = packets.feed(chunk[at:], rest, ticks_ms())
                at += used
                rest -= used
                continue
            if uart.any():
                rest = uart.readinto(chunk) or 0
                at = 0
                self.bytes_in += rest
                continue
            left = packets.left_ms(ticks_ms())
            if left is None:
                await _readable(uart)
            elif left:
                await sleep_ms(min(left, 5))
            else:
                packets.look(ticks_ms())

    async def _speak(self):
        uart = self._uart
        cfg = self._cfg
        held = "cts" in cfg["flow"]
        bits = cfg["bits"] + cfg["stop"] + 1 + (cfg["parity"] != "none")
        while True:
            self._beat()
            if not self._queue:
                await self._bell.wait(_TURN_MS)
                continue
            data = memoryview(self._queue.pop(0))
            if self._de:
                self._de(1)
            for at in range(0, len(data), _CHUNK):
                piece = data[at : at + _CHUNK]
                uart.write(piece)
                await sleep_ms(len(piece) * bits * 1000 // cfg["baud"] + 1)
                while held and not uart.txdone():  # the device takes nothing now: write() would block, and everything with it
                    self._beat()
                    await sleep_ms(_HELD_MS)
            self._queued -= len(data)
            self.bytes_out += len(data)
            if self._de:
                while not uart.txdone():
                    await sleep_ms(1)
                self._de(0)
            if cfg["gap_ms"]:
                await sleep_ms(cfg["gap_ms"])  # by which the other side tells packets apart


def _readable(uart):
    yield core._io_queue.queue_read(uart)


# The unit as configured, running.
def start(node, cfg):
    if cfg["mode"] == "server":
        from .dtu_server import Server

        return Server(node, cfg)
    dtu = Dtu(node, cfg)
    dtu.start()
    return dtu
