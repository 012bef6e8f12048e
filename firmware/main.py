# main.py - the stock application: a telemetry node, driven by config.json. Put your own measurement into measure().
#
# Every message is numbered by the application itself, "<life>:<n> <value>", so that whoever receives them can tell without
# trusting the node whether one is missing. `accept` says on the console that the node has taken message n over.
# With "duty" in the "app" part of config.json, as {"period_s": 600, "upload_every": 6}, it runs on a battery: each wake is a life
# with one message.
from random import getrandbits
from time import ticks_add, ticks_diff, ticks_ms

import holdfast


# What this node is there for. Replace it; it must not block for long.
def measure():
    return "%d" % (ticks_ms() // 1000)


def publish(node, life, topic, n):
    seq = node.publish(topic, "%s:%d %s" % (life, n, measure()))
    if seq and node.verbose:
        node.emit("accept", {"life": life, "n": n, "i": seq})


async def sample(node, life, topic, period_ms):
    import asyncio

    beat = node.watch("sample", 3 * period_ms + 5000)
    n = 0
    due = ticks_ms()
    while True:
        beat()
        n += 1
        publish(node, life, topic, n)
        due = ticks_add(due, period_ms)
        wait = ticks_diff(due, ticks_ms())
        if wait < 0:  # something has blocked for longer than a period: samples of the past cannot be taken
            due = ticks_ms()
        await asyncio.sleep_ms(max(wait, 0))


def main():
    node = None
    try:
        node = holdfast.Node("config.json")
        app = node.config["app"]
        node.life = "%08x" % getrandbits(32)
        topic = app.get("topic", "sensor/temp")
        if "duty" in app:
            node.duty(lambda: publish(node, node.life, topic, 1), **app["duty"])
        period_ms = app.get("period_ms", 1000)
        node.run(sample(node, node.life, topic, period_ms) if period_ms else None)  # 0: nothing of its own, as with a serial line alone
    except KeyboardInterrupt:
        if node:
            node.leave()
        raise
    except holdfast.ConfigError as e:
        print("config.json:", e)  # nothing can be done with a wrong one; the prompt is there for whoever will
        if "no such file" in str(e):
            holdfast.set_up()  # a page at an access point, or `holdfast provision`


main()
