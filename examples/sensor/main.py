# A sensor: the chip's temperature every five seconds. What is measured while the Wi-Fi is away arrives afterwards, in order.
#
# Settings in config.json, all optional: "app": {"period_s": 5, "topic": "sensor/temp"}
import asyncio

import esp32
import holdfast

node = holdfast.Node("config.json")
app = node.config["app"]
period_s = app.get("period_s", 5)
topic = app.get("topic", "sensor/temp")


def measure():
    return (esp32.raw_temperature() - 32) / 1.8  # the ESP32 speaks Fahrenheit; chips with mcu_temperature() Celsius


async def sample():
    beat = node.watch("sample", 2 * period_s * 1000 + 5000)  # the watchdog bites if this task is silent for longer
    while True:
        beat()
        node.publish(topic, "%.1f" % measure())  # never waits for the network
        await asyncio.sleep(period_s)


node.run(sample())
