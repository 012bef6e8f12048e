# console.py - JSON text sequences (RFC 7464) on the REPL UART: events out, commands in (docs/architecture.md).
# May import: sys, select, json, asyncio, bell; commands when the first one comes.   Time: ticks.
# Blocks: never for longer than the UART's FIFO takes; what would not fit waits in a queue. Ctrl-C goes to the REPL as ever.
from asyncio import core
from json import dumps, loads
from micropython import const
from time import ticks_diff, ticks_ms
import select
import sys

from .bell import Bell

_RS = const(0x1E)
_LF = const(0x0A)
_COMMAND_MAX = const(200)  # the port's input ring holds 260
_FIFO = const(120)  # bytes the UART takes without making the writer wait (it has 128)
_BYTES_PER_MS = const(11)  # 115200 baud
_QUEUE_MAX = const(1500)  # bytes of events waiting; newer ones are counted and left out
_VERBOSE_MAX = const(1000)  # what comes with every message sent leaves room for the rest
_VERBOSE = ("sent", "ack")
_DROPS_MAX = const(160)  # 40 ranges of dropped messages waiting; further ones widen the last


class Console:
    def __init__(self, node):
        self._node = node
        self._bell = Bell()
        self._queue = []
        self._drops = []  # first number, how many, why, epoch, first number, …: flat, as small as can be
        self._queued = self._missed = 0
        self._full = 0  # bytes in the FIFO when it was last looked at
        self._at = ticks_ms()

    # Prints one event: a dict with "ev".
    def emit(self, event):
        name = event["ev"]
        if name == "drop" and (self._drops or self._queued > _VERBOSE_MAX):
            return self._later(event)
        self._print(event)

    def _print(self, event):
        event["t"] = now = ticks_ms()
        text = "\x1e%s\n" % dumps(event)
        n = len(text)
        if not self._queue and n <= self._room(now):
            self._full += n
            sys.stdout.write(text)
        elif self._queued + n <= (_VERBOSE_MAX if event["ev"] in _VERBOSE else _QUEUE_MAX):
            if self._missed:  # told where they are missing, not behind what came later
                text = "\x1e%s\n%s" % (dumps(self._gap()), text)
            self._queue.append(text)
            self._queued += len(text)
            self._bell.ring()
        else:
            self._missed += 1

    def _gap(self):
        n = self._missed
        self._missed = 0
        return {"ev": "log", "msg": "%d events left out" % n, "t": ticks_ms()}

    # A drop is never left out: in a crowd they are told together, as ranges.
    def _later(self, event):
        drops = self._drops
        first, n, why, epoch = event["i"], event["n"], event["why"], event.get("b")
        if drops:
            last = drops[-4]
            if why == drops[-2] and epoch == drops[-1] and (first == last + drops[-3] or first == last == 0):
                drops[-3] += n
                return
            if len(drops) >= _DROPS_MAX and first:
                # Which ones they were is not told any more, only how many.
                drops[-4] = -1
                drops[-3] += n
                return
        drops.extend((first, n, why, epoch))

    def _next_drop(self):
        pop = self._drops.pop
        event = {"ev": "drop", "i": pop(0), "n": pop(0), "why": pop(0)}
        epoch = pop(0)
        if epoch is not None:
            event["b"] = epoch
        return event

    # Bytes the FIFO takes now; a record longer than the FIFO goes when that is empty.
    def _room(self, now):
        full = self._full
        if full:
            self._full = full = max(0, full - ticks_diff(now, self._at) * _BYTES_PER_MS)
        self._at = now
        return _FIFO - full if full else _COMMAND_MAX * 2

    # Empties the queue at the pace of the UART.
    async def write(self):
        while True:
            while self._queue or self._drops:
                if not self._queue:
                    self._print(self._next_drop())
                    continue
                text = self._queue[0]
                n = min(len(text), _FIFO)
                if n > self._room(ticks_ms()):
                    await core.sleep_ms(n // _BYTES_PER_MS + 1)
                    continue
                self._full += n
                sys.stdout.write(text[:n])
                self._queued -= n
                if n == len(text):
                    self._queue.pop(0)
                else:
                    self._queue[0] = text[n:]
            if self._missed:
                self.emit(self._gap())
            else:
                await self._bell.wait(60000)

    # Everything at once, as the chip is about to be reset: blocks for what the UART needs, 0.2 s at most.
    def drain(self):
        while self._queue or self._drops:
            if not self._queue:
                self._queued = 0
                self._print(self._next_drop())
            while self._queue:
                sys.stdout.write(self._queue.pop(0))
        self._queued = 0

    # Reads commands; anything outside a record is somebody typing, and ignored.
    async def read(self):
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        source = sys.stdin.buffer
        record = None
        while True:
            await _readable()
            while poller.poll(0):
                byte = source.read(1)
                if not byte:
                    return  # nobody is there
                if byte[0] == _RS:
                    record = bytearray()
                elif record is not None:
                    if byte[0] == _LF:
                        self._command(record)
                        record = None
                    elif len(record) < _COMMAND_MAX:
                        record.append(byte[0])
                    else:
                        record = None

    def _command(self, record):
        try:
            command = loads(record)
            name = command["cmd"]
        except (ValueError, KeyError, TypeError):
            return self.emit({"ev": "reply", "id": 0, "ok": False, "why": "not a command"})
        answer = {"ev": "reply", "id": command.get("id", 0), "ok": True}
        try:
            from .commands import run

            run(self._node, name, command, answer)
        except Exception as e:
            answer["ok"] = False
            answer["why"] = repr(e)
        self.emit(answer)


def _readable():
    yield core._io_queue.queue_read(sys.stdin)
