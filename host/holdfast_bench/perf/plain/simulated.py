# simulated.py - the application that throughput and stalls are measured with in the simulation: config.json's `app` has queued and every_ms.
import asyncio
from time import sleep_ms, ticks_diff, ticks_ms

import holdfast

node = holdfast.Node("config.json")
app = node.config["app"]


async def sampler():
    worst = 0
    before = ticks_ms()
    while True:
        await asyncio.sleep_ms(50)
        now = ticks_ms()
        late = ticks_diff(now, before) - 50
        before = now
        if late > worst and node.state != "down":  # before the first connection the radio is switched on, which blocks
            worst = late
            node.emit("stall", {"ms": worst})


async def main():
    asyncio.create_task(sampler())
    n = app["queued"]
    while True:
        if app["every_ms"]:
            n += 1
            node.publish("s", "%032d" % n)
        await asyncio.sleep_ms(app["every_ms"] or 1000)


for i in range(app["queued"]):
    node.publish("s", "%06d" % i)
    sleep_ms(1)
node.run(main())
