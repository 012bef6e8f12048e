"""One measurement over the packet link, in a process of its own: `python -m holdfast_bench.perf.trial '{"client": …, "test": …}'` prints its result as JSON.

{"client": a name of CLIENTS, "test": a name of TESTS, "rtt_ms", "seed", ...} -> {"value": number or null, "note": text, "lost", "handed_over"}
"""

import contextlib
import json
import queue
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt

from ..choices import choices
from ..drivers.broker_mosquitto import Mosquitto
from .link import BLACKHOLE, FAR, PASS, REFUSE, Link, NoLink
from .relay import relay
from .sizes import PLAIN, package

SETTLE_S = 12
OUTAGE_S = 20
RECOVER_LIMIT_S = 60
DETECT_LIMIT_S = 75
STALL_S = 30
STALL_MS = 5            # the programs under test tell longer ones
START_LIMIT_S = 30
CLIENT_FILES = Path(__file__).resolve().parent / "clients"


def _now_ms():
    return time.time_ns() // 1_000_000


class Client:
    """A program under test in the near namespace, read line by line."""

    def __init__(self, link, command, first_line):
        self.started_ms = _now_ms()
        self._process = link.near(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines = queue.Queue()
        self.seen = []      # [word, ms, rest]
        threading.Thread(target=self._pump, daemon=True).start()
        self.tell(first_line)

    def _pump(self):
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put("")

    def wait(self, word, since_ms, limit_s, rest=None):
        """The first such line that was said at or after since_ms: its time; None when none came in time."""
        def fits(line):
            return line[0] == word and line[1] >= since_ms and (rest is None or line[2] == rest)

        for line in self.seen:
            if fits(line):
                return line[1]
        until = time.monotonic() + limit_s
        while True:
            try:
                text = self._lines.get(timeout=max(0.001, until - time.monotonic()))
            except queue.Empty:
                return None
            if not text:
                return None
            parts = text.split(None, 2)
            if len(parts) > 1 and parts[1].isdigit():
                line = [parts[0], int(parts[1]), parts[2].strip() if len(parts) > 2 else ""]
                self.seen.append(line)
                if fits(line):
                    return line[1]
            else:
                self.seen.append(["text", 0, text])

    def tell(self, letter):
        self._process.stdin.write(letter)
        self._process.stdin.flush()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def _holdfast(spec):
    settings = {"config": {"id": "peer", "base": "perf", "wifi": [{"ssid": "perf"}], "brokers": [{"host": FAR}], "console": False, "watchdog_s": 0, "envelope": "none",
                           "rtc_bytes": 8192, "spool_kb": 0, "metrics_s": 0}, **spec}
    path = ":".join(str(p) for p in (PLAIN, package(), choices().umqtt))
    return [*choices().twin.command, "-X", "heapsize=%dk" % (160 * choices().twin.bits // 32), str(PLAIN / "node.py"), path], json.dumps(settings) + "\n"


def _umqtt(spec, robust=False):
    return [*choices().twin.command, str(CLIENT_FILES / "umqtt_simple.py"), json.dumps({"host": FAR, "robust": robust, **spec}), str(choices().umqtt)], ""


def _paho(spec):
    return [sys.executable, str(CLIENT_FILES / "paho_client.py"), json.dumps({"host": FAR, **spec})], ""


CLIENTS = {"": _holdfast, "umqtt.simple": _umqtt, "umqtt.robust": lambda spec: _umqtt(spec, True), "paho-mqtt": _paho}


class Ear:
    """Hears at the broker which numbers have arrived."""

    def __init__(self):
        self.numbers = set()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="ear")
        self._client.on_connect = lambda *args: self._client.subscribe("perf/#", 1)
        self._client.on_message = self._message
        self._client.connect(FAR, 1883)
        self._client.loop_start()

    def _message(self, client, userdata, message):
        if message.topic.endswith("/s"):
            self.numbers.add(int(message.payload))

    def close(self):
        self._client.loop_stop()


class Trial:
    def __init__(self, spec):
        self.spec = spec
        self.draw = random.Random("%s %s %d" % (spec["client"], spec["test"], spec["seed"]))
        self.link = Link(spec["rtt_ms"])
        # Each acknowledgement at once: Nagle's rule would hold them back for a round trip. Behind a relay, as the bars were measured, those
        # that come together travel together.
        self.broker = Mosquitto(host=FAR, port=1884 if spec.get("relay") else 1883, extra=("set_tcp_nodelay true",)).start()
        if spec.get("relay"):
            relay(FAR, 1883, 1884)

    def start(self, **spec):
        return Client(self.link, *CLIENTS[self.spec["client"]](spec))

    def first(self):
        client = self.start(every_ms=1000)
        at = client.wait("ack", 0, START_LIMIT_S)
        return client, at and at - client.started_ms, ""

    def hundred(self):
        client = self.start(queued=100, every_ms=0)
        # Holdfast acknowledges in the order of its numbers here, the others count.
        ended = client.wait("ack", 0, START_LIMIT_S + 60, "100")
        began = next((line[1] for line in client.seen if line[0] == "dialing" or line[0] == "state" and line[2] == "dialing"), None)
        return client, ended and ended - began, ""

    def _settled(self, **spec):
        client = self.start(**spec)
        if client.wait("ack", 0, START_LIMIT_S) is None:
            raise RuntimeError("it never got through: %s" % client.seen[-5:])
        client.wait("never", 0, SETTLE_S + self.draw.random() * 3)
        return client

    def outage(self):
        kind = self.spec["kind"]
        ear = Ear()
        client = self._settled(every_ms=1000)
        self.link.set_mode(REFUSE if kind == "refused" else BLACKHOLE)
        if kind == "wifi" and not self.spec["client"]:
            client.tell("g")
        client.wait("never", 0, OUTAGE_S + self.draw.random())
        if kind == "dead_flows":
            self.link.forget_flows()
        healed_ms = _now_ms()
        self.link.set_mode(PASS)
        if kind == "wifi" and not self.spec["client"]:
            client.tell("b")
        at = client.wait("ack", healed_ms, RECOVER_LIMIT_S)
        note = ""
        client.wait("never", 0, 3)
        ear.close()
        acked = {int(line[2]) for line in client.seen if line[0] == "ack" and line[2].isdigit()}
        handed_over = max(acked | ear.numbers, default=0)
        self.lost = len([n for n in range(1, handed_over) if n not in ear.numbers])
        self.handed_over = handed_over
        return client, at and at - healed_ms, note

    def detect(self):
        client = self._settled(every_ms=self.spec["every_ms"])
        began = _now_ms()
        self.link.forget_flows()
        found = [client.wait("down", began, 0.01)]
        until = time.monotonic() + DETECT_LIMIT_S
        while found[0] is None and time.monotonic() < until:
            found = [at for at in (client.wait("down", began, 0.2), client.wait("state", began, 0.01, "backoff"), client.wait("state", began, 0.01, "down")) if at] or [None]
        return client, found[0] and found[0] - began, ""

    def stall(self):
        client = self._settled(every_ms=1000, sampler=True)
        self.link.set_mode(BLACKHOLE)
        began = _now_ms()
        client.wait("never", 0, STALL_S)
        self.link.set_mode(PASS)
        client.wait("never", 0, 20)
        stalls = [int(line[2]) for line in client.seen if line[0] == "stall" and line[1] >= began]
        return client, max(stalls, default=STALL_MS), "" if stalls else "none longer than %d ms" % STALL_MS

    def run(self):
        self.lost = self.handed_over = None
        client, ms, note = getattr(self, self.spec["test"])()
        client.close()
        return {"value": ms, "note": note, "lost": self.lost, "handed_over": self.handed_over}

    def close(self):
        self.broker.close()
        self.link.close()


def main():
    spec = json.loads(sys.argv[1])
    try:
        trial = Trial(spec)
    except NoLink as e:
        print(json.dumps({"no_link": str(e)}))
        return
    try:
        print(json.dumps(trial.run()))
    finally:
        trial.close()


if __name__ == "__main__":
    main()
