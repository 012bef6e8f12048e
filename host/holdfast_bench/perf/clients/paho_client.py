"""paho-mqtt as its documentation shows it: a network thread, automatic reconnecting, QoS 1. Says what happens as lines "<word> <ms since 1970> <rest>".

argv: JSON of {"host", "every_ms" (0: idle), "queued"}.
"""

import json
import sys
import time

import paho.mqtt.client as mqtt


def say(word, rest=""):
    print(word, time.time_ns() // 1_000_000, rest, flush=True)


def main():
    spec = json.loads(sys.argv[1])
    say("begin")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="peer", clean_session=False)
    numbers = {}

    def published(client, userdata, mid, reason, properties):
        say("ack", numbers.get(mid, 0))

    client.on_publish = published
    client.on_disconnect = lambda *args: say("down")

    def publish(n):
        numbers[client.publish("perf/peer/s", "%032d" % n, qos=1).mid] = n

    for n in range(spec.get("queued", 0)):
        publish(n + 1)
    say("dialing")
    client.connect(spec["host"], 1883, keepalive=30)
    client.loop_start()
    n = 0
    while True:
        if not spec.get("queued") and (spec["every_ms"] or not n):
            n += 1
            publish(n)
        time.sleep((spec["every_ms"] or 1000) / 1000)


main()
