# An actuator: a relay that is switched by message, and says what it did.
#
#   cmd/relay   "on", "off" or "pulse <ms>"    → relay   "on" or "off", retained: whoever asks later knows, too
#   anything else                              → refused "<what it was>"
# A command sent at QoS 1 while the node is away waits at the broker. If nobody has been heard for "app": {"safe_s": 600}, the
# relay goes off by itself: an actuator needs a state in which it can be left alone.
import asyncio
from time import ticks_diff, ticks_ms

import holdfast
from machine import Pin

node = holdfast.Node("config.json")
app = node.config["app"]
safe_ms = app.get("safe_s", 600) * 1000
relay = Pin(app.get("pin", 4), Pin.OUT, value=0)
heard = ticks_ms()


def switch(on):
    relay.value(on)
    node.publish("relay", "on" if on else "off", retain=True, urgent=True)


@node.on("cmd/relay")
async def command(topic, payload):
    global heard
    heard = ticks_ms()
    words = payload.decode().split()
    if words == ["on"] or words == ["off"]:
        switch(words == ["on"])
    elif len(words) == 2 and words[0] == "pulse" and words[1].isdigit() and 0 < int(words[1]) <= 10000:
        switch(True)
        await asyncio.sleep_ms(int(words[1]))  # beside everything else: a handler may be a coroutine
        switch(False)
    else:
        node.publish("refused", payload[:40])


async def main():
    global heard
    beat = node.watch("main", 10000)
    switch(False)
    while True:
        beat()
        if node.state == "online":
            heard = ticks_ms()
        elif relay.value() and ticks_diff(ticks_ms(), heard) > safe_ms:
            switch(False)
        await asyncio.sleep(1)


node.run(main())
