# A sketch on umqtt.simple, as thousands of them run: fine on the desk, and gone at the first outage. main.py is the same on Holdfast.
import json
import time

import esp32
import network
from machine import Pin
from umqtt.simple import MQTTClient

config = json.load(open("config.json"))
wifi, broker = config["wifi"][0], config["brokers"][0]

station = network.WLAN(network.STA_IF)
station.active(True)
station.connect(wifi["ssid"], wifi["key"])
while not station.isconnected():
    time.sleep(1)

base = "%s/%s/" % (config["base"], config["id"])
client = MQTTClient(config["id"], broker["host"], broker["port"], broker["user"], broker["password"])
led = Pin(2, Pin.OUT)


def command(topic, payload):
    led.value(payload == b"on")
    client.publish(base + "led", payload)


client.set_callback(command)
client.connect()
client.subscribe(base + "cmd/led")


def measure():
    return "%.1f" % ((esp32.raw_temperature() - 32) / 1.8)


def main():
    while True:
        client.check_msg()
        client.publish(base + "sensor/temp", measure())
        time.sleep(1)


main()
