# A small application on asyncio and sockets, for tests of the simulation itself: joins, connects, publishes numbered
# messages with QoS 1 and never more than one under way, tries again after any error. No firmware of ours.
import asyncio
import errno
import json
import machine
import network
import os
import random
import socket
import struct
import sys
import time

with open("config.json") as f:
    config = json.load(f)
life = "%04x%04x" % (struct.unpack(">H", os.urandom(2))[0], random.getrandbits(16))
hung = []
answered = [0]


def say(ev, **fields):
    text = '{"ev":"%s","t":%d' % (ev, time.ticks_ms())
    for key in sorted(fields):
        text += ',"%s":%s' % (key, json.dumps(fields[key]))
    sys.stdout.buffer.write(b"\x1e" + text.encode() + b"}\n")


def text(b):
    return struct.pack(">H", len(b)) + b


def packet(head, body):
    return bytes((head, len(body))) + body


async def exactly(reader, n):
    data = await asyncio.wait_for(reader.readexactly(n), config["patience_s"])
    return data


async def publish_all(n):
    reader, writer = await asyncio.open_connection(config["broker"], 1883)
    try:
        writer.write(packet(0x10, text(b"MQTT") + b"\x04\x00\x00\x1e" + text(b"node")))
        await writer.drain()
        await exactly(reader, 4)
        say("state", old="down", new="online", why="connack")
        while True:
            head = text(b"hf/node/n") + struct.pack(">H", n[0] % 65535 + 1)
            writer.write(packet(0x32, head + ("%s:%d" % (life, n[0])).encode()))
            await writer.drain()
            await exactly(reader, 4)
            n[0] += 1
            await asyncio.sleep_ms(config["every_ms"])
            say("accept", life=life, n=n[0], i=n[0])
    finally:
        writer.close()
        await writer.wait_closed()


async def node():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.config(reconnects=0)
    n = [1]
    say("accept", life=life, n=1, i=1)
    while True:
        try:
            if not wlan.isconnected():
                wlan.connect(config["wifi"]["ssid"], config["wifi"]["key"])
                for _ in range(200):
                    if wlan.isconnected():
                        break
                    await asyncio.sleep_ms(50)
            await publish_all(n)
        except (OSError, EOFError, asyncio.TimeoutError) as e:
            say("state", old="online", new="down", why=repr(e))
            try:
                wlan.disconnect()
            except OSError:
                pass
        await asyncio.sleep_ms(1000)


async def feed(wdt):
    while True:
        if not hung:
            wdt.feed()
        await asyncio.sleep_ms(1000)


async def listen():
    reader = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        line = await reader.readline()
        command = json.loads(line.strip(b"\x1e\n"))
        if command["cmd"] == "hang":
            say("reply", id=command["id"], ok=True)
            hung.append(True)
            while command["how"] == "spin":
                time.sleep_ms(10)
            if command["how"] == "compute":
                while True:
                    pass
        elif command["cmd"] == "reset":
            say("reply", id=command["id"], ok=True)
            machine.deepsleep(2000) if command["kind"] == "deepsleep" else machine.reset()
        else:
            say("reply", id=command["id"], ok=True, heap=len(hung))


async def main():
    say("boot", id="node", ver="0", cause=machine.reset_cause(), boots=1, epoch=1, queued=0, life=life)
    wdt = machine.WDT(timeout=5000)
    asyncio.create_task(feed(wdt))
    asyncio.create_task(listen())
    await node()


asyncio.run(main())
