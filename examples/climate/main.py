# Several sensors, each at its own pace, with typed payloads: a reading of three values takes four bytes instead of forty.
#
# Receivers learn from a retained message how to read them (docs/protocol.md, Typed payloads); `holdfast monitor` shows them as numbers.
# A sensor that fails costs its own value only: None travels as "no value".
import asyncio
import gc

import esp32
import holdfast
import network

node = holdfast.Node("config.json")
periods = node.config["app"].get("periods_s", {})

air = node.typed("sensor/air", "temp:h/10:C hum:B:%")
chip = node.typed("sensor/chip", "temp:h/10:C free:H:KB rssi:b:dBm")
door = node.typed("sensor/door", "open:B count:H")


def read_air():
    return 21.5, 48  # your DHT22, SHT31, BME280; None for what it could not tell


def read_chip():
    try:
        rssi = network.WLAN(network.STA_IF).status("rssi")
    except OSError:
        rssi = None  # not associated
    return (esp32.raw_temperature() - 32) / 1.8, gc.mem_free() // 1024, rssi


doors = {"count": 0}


def read_door():
    doors["count"] = (doors["count"] + 1) % 65535
    return 0, doors["count"]


async def every(name, default_s, topic, read, **how):
    period_s = periods.get(name, default_s)
    beat = node.watch(name, 2 * period_s * 1000 + 5000)
    while True:
        beat()
        try:
            topic.publish(*read(), **how)
        except Exception as e:
            node.log("WARN", "%s: %r" % (name, e))
        await asyncio.sleep(period_s)


async def main():
    await asyncio.gather(
        every("air", 10, air, read_air),
        every("chip", 60, chip, read_chip, qos=0),
        every("door", 2, door, read_door, cls="keep"),
    )


node.run(main())
