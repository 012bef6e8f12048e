# standby.py - a connection to the next broker, kept open beside the one in use (R29): a switch then costs no connecting.
# May import: asyncio, gc, micropython, random, failover, errors, esp32; the brokers are handed in.
# Time: ticks; stamps are handed in.   Blocks: for DNS, when the broker's address is not known.   Loaded only with the setting `standby_s`.
#
# It is open, its TLS or WebSocket handshake is done, and nothing has been said on it: CONNECT and the first messages are one flight, their
# acknowledgements the next. Brokers end such a connection after a while (mosquitto: 90 s): it is renewed before, once that is known. A second session under the node's name would be worse: brokers of one cluster end the first one for it, and a lost one has its last will published.
from asyncio import TimeoutError, core, create_task, sleep_ms, wait_for_ms
import gc
from micropython import const
from random import getrandbits
from time import ticks_diff, ticks_ms

from .errors import Fault
from .failover import connected

_AGAIN_MS = const(1000)  # after a failed try, doubled each time up to
_AGAIN_MAX_MS = const(60000)
_SAME_MS = const(3000)  # two connections that were ended at ages no more apart than that: the broker does so with every silent one
_HEAP = const(16384)  # left to the application, and what TLS takes of the other heap in one piece
_TLS_HEAP = const(49152)


async def _readable(sock):
    yield core._io_queue.queue_read(sock)


# Is there room for another TLS connection in the heap that MicroPython does not manage?
def _room():
    import esp32

    return max([area[2] for area in esp32.idf_heap_info(esp32.HEAP_DATA)]) >= _TLS_HEAP


def _secured():
    pass


# Up to a quarter less: nodes that lost their broker together do not stay in step (R3).
def _spread(ms):
    return ms - (ms >> 2) * getrandbits(8) // 256


class Standby:
    # ends: the brokers. renew_ms: how long a connection is kept at most without being used. error(kind, cause): told once when there is no room for it.
    def __init__(self, ends, renew_ms, dial_ms, before_dns, stamp, error):
        self._ends = ends
        self._error = error
        self._told = False
        self._renew_ms = renew_ms
        self._dial_ms = dial_ms
        self._before_dns = before_dns
        self._stamp = stamp
        self._task = None
        self._number = 0  # of the broker that the line leads to
        self._line = None
        self._ended_ms = 0  # how old the last one was when the broker ended it

    # Broker number `at` is in use: keeps a connection to the next one that can be reached.
    def start(self, at):
        self.close()
        if at + 1 < len(self._ends):
            self._task = create_task(self._keep(at))

    # Ends that. The open connection, if any, as (number of the broker, transport): it is the caller's then.
    def take(self):
        line = self._line
        self._line = None
        self.close()
        return (self._number, line) if line else None

    def close(self):
        if self._task:
            self._task.cancel()
            self._task = None
        self._drop()

    def _drop(self):
        if self._line:
            self._line.close()
            self._line = None

    async def _keep(self, at):
        pause = _AGAIN_MS
        while True:
            for number in range(at + 1, len(self._ends)):
                if await self._fresh(number):
                    break
            if self._line and await self._lasts():
                pause = _AGAIN_MS
                continue  # the one before is dropped when its successor is there
            self._drop()
            await sleep_ms(_spread(pause))
            pause = min(pause * 2, _AGAIN_MAX_MS)

    # A new connection in place of the one there is: open, and its handshake begun.
    async def _fresh(self, number):
        end = self._ends[number]
        gc.collect()
        if gc.mem_free() < _HEAP or end.broker["tls"] and not _room():
            if not self._told:
                self._told = True
                self._error("memory", "no room for a second connection: broker %d is not kept at the ready" % number)
            return False
        line = None
        try:
            line = await connected(end, self._dial_ms, self._before_dns, self._stamp())
            line.secure()
            line.secure = _secured  # for whoever takes it over
            line.read(bytearray(1), False)
        except (Fault, TimeoutError, MemoryError):
            if line:
                line.close()
            return False
        self._drop()
        self._number = number
        self._line = line
        return True

    # Until it is due to be renewed (True), or over. Reading is what goes on with a handshake.
    async def _lasts(self):
        began = ticks_ms()
        line = self._line
        buf = bytearray(16)
        due_ms = _spread(self._renew_ms)
        while True:
            left = due_ms - ticks_diff(ticks_ms(), began)
            if left <= 0:
                return True
            try:
                await wait_for_ms(_readable(line.sock), left)
                if line.read(buf, False):
                    return False  # nobody has been asked anything
            except TimeoutError:
                return True
            except Fault:
                age_ms = ticks_diff(ticks_ms(), began)
                if abs(age_ms - self._ended_ms) < _SAME_MS < age_ms >> 1:
                    self._renew_ms = min(self._renew_ms, age_ms - (age_ms >> 3))
                self._ended_ms = age_ms
                return False
