# duty.py - battery operation: wake, sample into RTC memory, sleep; the radio only every n-th time, or when it must be.
# May import: machine; asyncio, and through Node the network, for an upload only.   Time: stamps.   Blocks: until the chip sleeps.
#
# A wake without radio loads what is needed to take a message over, and nothing else.
from micropython import const
import machine

_URGE = const(4095)  # upload_every at most
_SOONEST = const(5)  # stamps: a wake that would be due earlier is left out
# In the resume record: failed uploads in a row (4 bits), wakes until the radio is used (12 bits).
_DUTY = const(108)
_DUTY_FORM = ">H"


# Never returns. node: made, not started. The other arguments are those of node.duty(). Raises ValueError.
def run(node, sample, period_s, upload_every, limit_s, listen_ms, save):
    for name, value, low, high in (("period_s", period_s, 1, 1000000), ("upload_every", upload_every, 1, _URGE), ("limit_s", limit_s, 5, 3600)):
        if not isinstance(value, int) or not low <= value <= high:
            raise ValueError("%s %r: a whole number from %d to %d" % (name, value, low, high))
    box = node.outbox
    block = box.block
    word = block.peek(_DUTY, _DUTY_FORM)[0]
    fails = word >> 12
    # After a power-on, or whatever else took the memory, the node says that it is there.
    left = 0 if block.fresh else max((word & _URGE) - 1, 0)
    if node.verbose:
        node.announce()
    if node.config["watchdog_s"]:
        machine.WDT(timeout=node.config["watchdog_s"] * 1000)
    node.patient = True  # what does not fit into RTC memory goes to flash when an upload has failed, not before
    _take(node, sample)
    full = box.ring.used() * 100 >= len(block.area) * node.config["spool_at"]
    if left == 0 or not fails and (full or box.urgent):
        import asyncio

        done = asyncio.run(_upload(node, limit_s, listen_ms, _rest(node, period_s) // 10 + (upload_every - 1) * period_s))
        fails = 0 if done else min(fails + 1, 15)
        left = upload_every if done else min(1 << fails, upload_every)
    block.poke(_DUTY, _DUTY_FORM, fails << 12 | left)
    block.commit()
    node.sleep(_rest(node, period_s) * 100, full and fails or _asked(node, save))


# Shall what waits go to flash before the sleep? A hook that fails is no reason for losing anything.
def _asked(node, save):
    try:
        return save is True or bool(save and save())
    except Exception as e:
        node.error("app", repr(e))
        return True


# One sample: a function, or a coroutine function. What it raises is reported and costs this sample only.
def _take(node, sample):
    try:
        made = sample()
        if hasattr(made, "send"):
            import asyncio

            asyncio.run(made)
    except Exception as e:
        node.error("app", repr(e))


# Stamps from now until the next wake. Wakes lie on a grid, so that they do not drift with the time that each takes.
def _rest(node, period_s):
    period = period_s * 10
    rest = period - node.clock.stamp() % period
    return rest if rest >= min(_SOONEST, period) else rest + period


# Sends all there is, listens for listen_ms, says until when the node sleeps. True when everything was acknowledged. next_s: until
# the next upload.
async def _upload(node, limit_s, listen_ms, next_s):
    from asyncio import sleep_ms
    from time import ticks_diff, ticks_ms

    node.start()
    session = node.supervisor.session
    began = ticks_ms()
    quiet = None  # ticks since which there is nothing to do
    while ticks_diff(ticks_ms(), began) < limit_s * 1000:
        fetch = node.fetch  # new firmware: as long as pieces come, within limit_s
        if not session.up or node.queued or session.owed() or fetch and (fetch.asked is None or ticks_diff(ticks_ms(), fetch.asked) < listen_ms):
            quiet = None
        elif quiet is None:
            quiet = ticks_ms()
        elif ticks_diff(ticks_ms(), quiet) >= listen_ms:
            break
        await sleep_ms(20)
    if node.fetch:
        node.fetch.rest()
    await node.stop("sleeping %d%s" % (next_s, _date(node.clock, next_s)))
    return not node.queued


# What the clock will show s seconds from now: " until 2026-11-21T12:00:00Z", "" while it has never been set.
def _date(clock, s):
    from time import gmtime, time

    return " until %04d-%02d-%02dT%02d:%02d:%02dZ" % gmtime(int(time()) + s)[:6] if clock.known() else ""
