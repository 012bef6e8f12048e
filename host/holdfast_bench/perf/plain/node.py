# node.py - the program that is measured: a Holdfast node on the interpreter's own sockets. Says what happens as lines "<word> <ms since 1970> <rest>".
#
# argv: folders to import from. The first line of stdin: JSON of {"config": settings of the node, "every_ms": pause between messages (0: none), "queued": messages handed over before the start,
# "sampler": run a 50 ms sampler, which tells how late it was, "heap": say what is in use once connected}. Then commands, a letter each: g, b the access point goes, is back.
import sys

_folder = sys.argv[1]
sys.path[:0] = _folder.split(":")
import time  # noqa: E402

STALL_MS = 5  # samples that come later than that are told


def say(word, rest=""):
    sys.stdout.write("%s %d %s\n" % (word, time.time_ns() // 1000000, rest))


say("begin")
import gc  # noqa: E402

import asyncio  # noqa: E402
import json  # noqa: E402
import select  # noqa: E402

import esp32  # noqa: E402, F401
import machine  # noqa: E402, F401
import network  # noqa: E402
import umqtt.simple  # noqa: E402, F401

gc.collect()
_before = gc.mem_alloc()
import holdfast  # noqa: E402

spec = json.loads(sys.stdin.readline())
if spec.get("frozen"):
    # As if the code were frozen: it is all there before anything is measured.
    for module in spec["frozen"]:
        __import__("holdfast." + module)
    _kept = list(sys.modules.values())  # also of those that the node forgets after use
    gc.collect()
    _before = gc.mem_alloc()
node = holdfast.Node(spec["config"])
node.verbose = True


@node.on_event
def heard(name, fields):
    if name == "state":
        say("state", fields["new"])
    elif name == "ack":
        say("ack", fields["i"])
    elif name == "err":
        say("err", fields["code"] + " " + fields["msg"])
    elif name == "drop":
        say("drop", "%d %s" % (fields["n"], fields["why"]))


def line():
    yield asyncio.core._io_queue.queue_read(sys.stdin)


async def commands():
    while True:
        await line()
        letter = sys.stdin.read(1)
        if not letter:
            sys.exit()
        if letter == "g" or letter == "b":
            network.WLAN.gone = letter == "g"


async def sampler():
    while True:
        before = time.ticks_ms()
        await asyncio.sleep_ms(50)
        late = time.ticks_diff(time.ticks_ms(), before) - 50
        if late > STALL_MS:
            say("stall", late)


async def main():
    asyncio.create_task(commands())
    if spec.get("sampler"):
        asyncio.create_task(sampler())
    n = spec.get("queued", 0)
    if not n and not spec.get("every_ms"):
        node.publish("s", "%032d" % 1)  # and then idle
    while True:
        if spec.get("every_ms"):
            n += 1
            node.publish("s", "%032d" % n)
            await asyncio.sleep_ms(spec["every_ms"])
        else:
            await asyncio.sleep(1)
        if spec.get("heap") and node.state == "online" and not node.queued:
            spec["heap"] = False
            gc.collect()
            say("heap", "%d %d" % (gc.mem_alloc() - _before, _before))


for i in range(spec.get("queued", 0)):
    node.publish("s", "%032d" % i)
node.run(main())
