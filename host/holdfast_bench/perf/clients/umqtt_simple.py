# umqtt_simple.py - the usual loop around umqtt.simple, or umqtt.robust: publish with QoS 1, on an error wait a second and connect again. Says what
# happens as lines "<word> <ms since 1970> <rest>".
#
# argv: JSON of {"host", "every_ms" (0: idle, a ping every 15 s), "queued", "robust"}, folder with umqtt.
import sys

sys.path.insert(0, sys.argv[2])
import json  # noqa: E402
import time  # noqa: E402

spec = json.loads(sys.argv[1])

STALL_MS = 5  # samples that come later than that are told


def say(word, rest=""):
    sys.stdout.write("%s %d %s\n" % (word, time.time_ns() // 1000000, rest))


say("begin")
if spec.get("robust"):
    from umqtt.robust import MQTTClient as Robust

    class MQTTClient(Robust):
        def reconnect(self):
            say("down")
            return super().reconnect()
else:
    from umqtt.simple import MQTTClient


def connect():
    client = MQTTClient("peer", spec["host"], keepalive=30)
    client.set_callback(lambda topic, payload: None)
    client.connect(False)
    return client


def hundred(n):
    say("dialing")
    client = connect()
    for i in range(n):
        client.publish(b"perf/peer/s", b"%032d" % i, qos=1)
        say("ack", i + 1)


def run(every_ms):
    client = None
    n = 0
    due = last = time.ticks_ms()
    pinged = due
    while True:
        now = time.ticks_ms()
        late = time.ticks_diff(now, last) - 50  # a sampler of 50 ms lives in the same loop
        last = now
        if late > STALL_MS:
            say("stall", late)
        try:
            if client is None:
                client = connect()
                say("up")
            if every_ms and time.ticks_diff(now, due) >= 0 or n == 0:
                due = time.ticks_add(due, every_ms or 0)
                if n == 0 or not client.failed:
                    n += 1
                client.failed = True
                client.publish(b"perf/peer/s", b"%032d" % n, qos=1)
                client.failed = False
                say("ack", n)
            elif not every_ms and time.ticks_diff(now, pinged) > 15000:
                pinged = now
                client.ping()
            client.check_msg()
        except (OSError, IndexError):
            say("down")
            client = None
            time.sleep(1)
            last = time.ticks_ms()
        time.sleep_ms(50)


MQTTClient.failed = False
if spec.get("queued"):
    hundred(spec["queued"])
else:
    run(spec["every_ms"])
