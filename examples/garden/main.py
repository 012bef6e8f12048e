# A garden: soil moisture every half second, and a valve that is switched by message.
import asyncio

import holdfast

node = holdfast.Node("config.json")
valve = {"open": False}


@node.on("cmd/valve")
def switch(topic, payload):
    valve["open"] = payload == b"open"
    node.publish("valve", "open" if valve["open"] else "shut")


async def sample():
    beat = node.watch("sample", 5000)
    while True:
        beat()
        node.publish("soil/moisture", "37")
        await asyncio.sleep_ms(500)


node.run(sample())
