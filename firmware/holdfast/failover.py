# failover.py - from a backup broker back to a preferred one (R24): looks now and then whether one answers, without giving up the session.
# May import: asyncio, wire, errors.   Time: ticks.   Blocks: for DNS, when a preferred broker's address is not known; hourly at most.
# Loaded only where there are several brokers, and one of the later ones is in use.
from asyncio import TimeoutError, sleep_ms, wait_for_ms
from micropython import const
from time import ticks_ms

from .errors import Fault
from .wire import writable

_LONGEST_MS = const(3600000)


# Runs until a broker before number `at` can be connected to; then offer(number, transport) is called. pause_ms: before each look; it doubles
# with every round.
async def watch(ends, at, pause_ms, dial_ms, offer, before_dns, stamp):
    while True:
        await _pause(pause_ms)
        pause_ms = min(pause_ms * 2, _LONGEST_MS)
        for number in range(at):
            end = ends[number]
            if end.target.wait_ms(ticks_ms()):
                continue
            try:
                line = await connected(end, dial_ms, before_dns, stamp())
            except (Fault, TimeoutError):
                continue
            return offer(number, line)


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
