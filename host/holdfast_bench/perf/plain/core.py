# core.py - the firmware's core alone (link, session, outbox, retry), driven by the shortest loop there is, to see what heap it takes. A module of the package, for the time of a measurement:
# inside.py begins it.
import sys
import time  # noqa: E402


def say(word, rest=""):
    sys.stdout.write("%s %d %s\n" % (word, time.time_ns() // 1000000, rest))


import gc  # noqa: E402
import json  # noqa: E402
import select  # noqa: E402

import esp32  # noqa: E402, F401
import machine  # noqa: E402
import network  # noqa: E402, F401
from micropython import const  # noqa: E402, F401
import umqtt.simple  # noqa: E402, F401

spec = json.loads(sys.stdin.readline())
from holdfast.config import load  # noqa: E402

cfg = load(spec["config"])
cfg["id"] = "core"


def unload(name):
    sys.modules.pop("holdfast." + name)
    delattr(sys.modules["holdfast"], name)


unload("config")
del load
gc.collect()
before = gc.mem_alloc()

from holdfast.block import Block  # noqa: E402
from holdfast.clock import Clock  # noqa: E402
from holdfast.outbox import Outbox  # noqa: E402
from holdfast.path import Wifi  # noqa: E402
from holdfast.retry import Target  # noqa: E402
from holdfast.ring import Ring  # noqa: E402
from holdfast.rtt import Rtt  # noqa: E402
from holdfast.session import Session  # noqa: E402
from holdfast.topics import Topics  # noqa: E402
from holdfast.transport import Tcp, resolve  # noqa: E402


class Owner:
    acks = 0

    def accepted(self, present):
        pass

    def sent(self, seq, dup):
        pass

    def acked(self, seq):
        Owner.acks += 1

    def message(self, topic, payload):
        pass

    def subscribed(self, refused):
        pass


block = Block(machine.RTC(), cfg["rtc_bytes"], lambda: 1)
clock = Clock(block)
topics = Topics(block, lambda: b"", lambda blob: None)
box = Outbox(Ring(block, topics.sizes), topics, clock, ["drop_oldest"], cfg["window"], print)
unload("layout")  # needed but once, and Node forgets them too
unload("recover")
rtt = Rtt(cfg["suspect_ms"], cfg["pingresp_ms"], cfg["probe_ms"])
session = Session(cfg, "perf/core/", box, rtt, Owner())
wifi = Wifi(cfg, block, clock.stamp)
target = Target(cfg)
tcp = Tcp()
box.put("s", b"%032d" % 1, 1, 0)
wifi.begin()
tcp.dial(resolve(cfg["brokers"][0]["host"], cfg["brokers"][0]["port"]))
poller = select.poll()
poller.register(tcp.sock, select.POLLOUT)
poller.poll(5000)
poller.modify(tcp.sock, select.POLLIN)


class End:
    broker = {"user": None, "password": None}
    clean = False
    patience_ms = cfg["connack_ms"]

    @staticmethod
    def waits():
        return False


session.begin(time.ticks_ms(), End)
data = bytearray(256)
while not Owner.acks:
    if session.out.end:
        session.out.wrote(tcp.write(session.out.pending()))
    poller.poll(1000)
    n = tcp.read(data, False)
    if n:
        session.receive(data, n, time.ticks_ms())
say("ack")
if spec.get("heap"):
    gc.collect()
    say("heap", "%d %d" % (gc.mem_alloc() - before, before))
