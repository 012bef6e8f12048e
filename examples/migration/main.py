# The sketch of before.py on Holdfast: Wi-Fi, connection and subscription are the node's business now; the rest is as it was.
import asyncio

import esp32
import holdfast
from machine import Pin

node = holdfast.Node("config.json")
led = Pin(2, Pin.OUT)


@node.on("cmd/led")
def command(topic, payload):
    led.value(payload == b"on")
    node.publish("led", payload)


def measure():
    return "%.1f" % ((esp32.raw_temperature() - 32) / 1.8)


async def main():
    while True:
        node.publish("sensor/temp", measure())
        await asyncio.sleep(1)


node.run(main())
