# main.py - the application of a campaign: streams of numbered messages of every kind a node can be given.
#
# Each stream has a life of its own, so that "<life>:<n> <filler>" names a message whatever the firmware believes, and the filler
# follows from n: whoever receives it can tell whether a single byte is wrong. Settings: app.streams, see campaign/draw.py.
import asyncio
from random import getrandbits
from time import ticks_add, ticks_diff, ticks_ms

import holdfast

# Long enough for the longest payload from any start.
FILLER = "".join([chr(33 + i * 7 % 90) for i in range(90)]) * 8
BINARY = bytes([i * 37 + 11 & 255 for i in range(256)]) * 3


def content(life, n, size, binary):
    head = "%s:%d " % (life, n)
    size -= len(head)
    if size < 0:
        size = 0
    if binary:
        start = n * 13 % 256
        return head.encode() + BINARY[start : start + size]
    start = n * 13 % 90
    return head + FILLER[start : start + size]


async def stream(node, k, own, life):
    topic, period_ms, low, high, burst = own["topic"], own["period_ms"], own["low"], own["high"], own["burst"]
    kind = {"qos": own["qos"], "cls": own["cls"], "ttl_s": own["ttl_s"] if own["ttl_s"] >= 0 else None, "urgent": own["urgent"]}
    beat = node.watch(topic, 3 * period_ms + 5000)
    n = 0
    due = ticks_ms()
    while True:
        beat()
        for _ in range(burst):
            n += 1
            size = low + n * 31 % (high - low + 1)
            seq = node.publish(topic, content(life, n, size, own["binary"]), **kind)
            if seq:
                node.emit("accept", {"life": life, "n": n, "i": seq, "q": own["qos"], "k": k})
            else:
                node.emit("refuse", {"life": life, "n": n})
        due = ticks_add(due, period_ms)
        wait = ticks_diff(due, ticks_ms())
        if wait < 0:
            due = ticks_ms()
        await asyncio.sleep_ms(max(wait, 0))


async def streams(node, lives):
    node.emit("lives", {"lives": lives})
    for k, own in enumerate(node.config["app"]["streams"]):
        asyncio.create_task(stream(node, k, own, lives[k]))


def main():
    node = None
    try:
        node = holdfast.Node("config.json")
        lives = ["%08x" % getrandbits(32) for _ in node.config["app"]["streams"]]
        node.life = lives[0]

        @node.on("cmd/#")
        def heard(topic, payload):
            node.emit("heard", {"topic": topic, "payload": str(payload, "utf-8")})

        node.run(streams(node, lives))
    except KeyboardInterrupt:
        if node:
            node.leave()
        raise
    except holdfast.ConfigError as e:
        print("config.json:", e)


main()
