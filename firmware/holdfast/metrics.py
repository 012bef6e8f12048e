# metrics.py - the numbers of a node, and their regular report on the topic `metrics` (R38).
# May import: asyncio, gc, json, release of the package; the node is handed in.   Time: ticks, through asyncio.   Blocks: never.
from asyncio import sleep_ms
import gc
from json import dumps
from micropython import const

from . import release

_PIECE_MS = const(60000)
_FIRST_MS = const(60000)
_FIRST = ("boots", "cause", "queued", "dropped", "connects", "faults", "rtt_ms", "rssi")
_LATER_MS = const(5000)  # while not online: metrics are about now, they are not kept for later


# Counters since start and what is measured now, as a dict; docs/firmware.md has their meaning and units.
def collect(node):
    box = node.outbox
    found = {"accepted": box.accepted, "acked": box.acked, "dropped": box.dropped, "queued": node.queued, "boots": node.boots, "cause": node.cause,
             "free": gc.mem_free(), "ver": release()}
    sup = node.supervisor
    if sup:
        found["tries"] = sup.tries
        found["connects"] = sup.connects
        found["faults"] = sup.faults
        seen = sup.rtt.seen
        found["rtt_ms"] = sum(seen) // len(seen) if seen else None
        found["outages"] = sup.recoveries
        found["outage_ms"] = sup.offline * 100 // sup.recoveries if sup.recoveries else None
        found["broker"] = sup.at
        found["rssi"] = node.path.rssi()
        if node.path.many:
            found["path"] = node.path.name
    if node.receiver:
        found["app_rtt_ms"] = node.receiver.rtt_ms
    return found


async def report(node, every_s):
    ms = _FIRST_MS
    while True:
        while ms > 0:
            await sleep_ms(min(ms, _PIECE_MS))
            ms -= _PIECE_MS
        if node.state == "online" and not node.stopping:
            text = _text(collect(node), node.longest)
            if len(text) <= node.longest:
                node.publish("metrics", text)
            ms = every_s * 1000
        else:
            ms = _LATER_MS


# As JSON; where messages are kept short, without what matters least.
def _text(found, longest):
    keys = [key for key in found if found[key] is not None and key not in _FIRST]
    while True:
        text = dumps({key: found[key] for key in list(_FIRST) + keys if found.get(key) is not None})
        if len(text) <= longest or not keys:
            return text
        keys.pop()
