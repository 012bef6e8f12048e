# failover.py - from a backup broker back to a preferred one (R24): looks now and then whether one answers, without giving up the session. And on to
# the next one, where a connection to that is kept at the ready.
# May import: asyncio, wire, errors, standby.   Time: ticks.   Blocks: for DNS, when a preferred broker's address is not known; hourly at most.
# Loaded only where there are several brokers, and one of the later ones is in use or the setting `standby_s` is there.
from asyncio import TimeoutError, create_task, sleep_ms, wait_for_ms
from micropython import const
from time import ticks_ms

from .errors import Fault
from .wire import writable

_LONGEST_MS = const(3600000)


class Failover:
    # ends: the brokers. offer(number, transport): called when a preferred one has been connected to. error(kind, cause): as a node's.
    def __init__(self, cfg, ends, offer, before_dns, stamp, error):
        self._ends = ends
        self._offer = offer
        self._before_dns = before_dns
        self._stamp = stamp
        self._dial_ms = cfg["dial_ms"] * 2
        self._first_ms = self._return_ms = cfg["return_s"] * 1000  # 0: never
        self._returning = False  # the session is a return to a preferred broker, not proven yet
        self._task = self._standby = None
        if cfg["standby_s"]:
            from .standby import Standby

            self._standby = Standby(ends, cfg["standby_s"] * 1000, self._dial_ms, before_dns, stamp, error)

    # Broker number `at` has accepted the session.
    def start(self, at):
        if self._standby:
            self._standby.start(at)
        if at and self._return_ms:
            self._task = create_task(self._watch(at))

    # The session is over, or about to be.
    def stop(self):
        if self._task:
            self._task.cancel()
            self._task = None
        if self._standby:
            self._standby.close()

    # The connection to another broker that is kept at the ready: (its number, transport), which is the caller's then. None: there is none.
    def take(self):
        return self._standby and self._standby.take()

    # What was offered is gone to.
    def returns(self):
        self._returning = True

    # The session with broker number `at` has proved good.
    def proven(self, at):
        self._returning = False
        if not at:
            self._return_ms = self._first_ms

    # A try or a session has failed. Was it a return? The broker that was left for it was a good one; the next return comes later.
    def failed(self):
        if not self._returning:
            return False
        self._returning = False
        self._return_ms = min(self._return_ms * 2, _LONGEST_MS)
        return True

    # Runs until a broker before number `at` can be connected to. The pause before each look doubles with every round.
    async def _watch(self, at):
        pause_ms = self._return_ms
        while True:
            await _pause(pause_ms)
            pause_ms = min(pause_ms * 2, _LONGEST_MS)
            for number in range(at):
                end = self._ends[number]
                if end.target.wait_ms(ticks_ms()):
                    continue
                try:
                    line = await connected(end, self._dial_ms, self._before_dns, self._stamp())
                except (Fault, TimeoutError):
                    continue
                self._task = None
                return self._offer(number, line)


# Sleeps of hours in pieces: a sleep that is longer than ticks reach is refused.
async def _pause(ms):
    while ms > 0:
        await sleep_ms(min(ms, 60000))
        ms -= 60000


# An open transport to the broker. The port, not only the host, has to answer (R8); it becomes the session's.
async def connected(end, dial_ms, before_dns, stamp):
    line = end.transport()
    good = False
    try:
        if end.due(stamp):
            await end.find(stamp)
        line.dial(end.address(stamp, before_dns))
        await wait_for_ms(writable(line.sock), dial_ms)
        line.read(bytearray(1), True)
        good = True
    finally:  # also when the session has ended meanwhile and this is cancelled
        if not good:
            line.close()
    return line
