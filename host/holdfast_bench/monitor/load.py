"""Load: thousands of simulated nodes, each a real MQTT connection with last will, envelope, status and answers to pings, from one process.

May use: asyncio, sockets. Speaks just as much MQTT 3.1.1 as a node that is well does. Used by `holdfast monitor load` and by tests.
"""

import asyncio
import json
import random
import resource
import struct
import time

CONNECTS_AT_ONCE = 200
TICK_S = 0.02
KEEPALIVE_S = 600
WINDOW = 64         # messages of a node not yet acknowledged; it waits then
METRICS_EVERY = 50  # messages


def _string(text):
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(first, body):
    n, size = len(body), b""
    while True:
        size += bytes((n & 127 | (128 if n > 127 else 0),))
        n >>= 7
        if not n:
            return bytes((first,)) + size + body


class LoadNode(asyncio.Protocol):
    """One node. Numbers its messages from 1 within its epoch; `seq` is the last one given, `acked` how many the broker has."""

    def __init__(self, load, device):
        self._load, self.device = load, device
        self.prefix = "%s/%s/" % (load.base, device)
        self.seq = self.acked = 0
        self.up = False
        self._topic = _string(self.prefix + "sensor/temp")
        self._metrics = _string(self.prefix + "metrics")
        self._buffer = b""
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport
        status = self.prefix + "status"
        login = self._load.login
        flags = 0x2E | (0xC0 if login else 0)     # clean, will QoS 1 retained
        body = b"\0\4MQTT\4" + bytes((flags,)) + struct.pack(">H", KEEPALIVE_S) + _string(self.device) + _string(status) + _string("offline")
        if login:
            body += _string(login[0]) + _string(login[1])
        transport.write(_packet(0x10, body) + _packet(0x33, _string(status) + b"\xff\xf0" + b"online")
                        + _packet(0x82, b"\xff\xf1" + _string(self.prefix + "cmd/#") + b"\0"))

    def data_received(self, data):
        data = self._buffer + data if self._buffer else data
        at, end = 0, len(data)
        while end - at >= 2:
            size, shift, head = 0, 0, at + 1
            while head < end:
                size |= (data[head] & 127) << shift
                shift += 7
                head += 1
                if not data[head - 1] & 128:
                    break
            else:
                break
            if head + size > end:
                break
            kind = data[at] & 0xF0
            if kind == 0x40:
                if data[head] != 0xFF:
                    self.acked += 1
                    self._load.acked += 1
            elif kind == 0x20:
                if data[head + 1]:
                    self._load.refused += 1
                else:
                    self.up = True
                    self._load.connected += 1
            elif kind == 0x30:
                self._command(data[head : head + size])
            at = head + size
        self._buffer = data[at:]

    def connection_lost(self, exc):
        if self.up:
            self.up = False
            self._load.connected -= 1
            self._load.lost_connections += 1

    def _command(self, body):
        n = struct.unpack_from(">H", body)[0]
        topic, payload = body[2 : 2 + n], body[2 + n :]
        if topic.endswith(b"/cmd/ping"):
            self._load.pings += 1
            self._transport.write(_packet(0x30, _string(self.prefix + "pong") + payload.replace(b"ping", b"pong")))

    def publish(self):
        """The next message; False while too many are unacknowledged."""
        if not self.up or self.seq - self.acked >= WINDOW:
            return False
        self.seq += 1
        topic = self._topic
        if self.seq % METRICS_EVERY == 0:
            topic = self._metrics
            value = json.dumps('{"queued":%d,"rssi":%d,"rtt_ms":%d,"connects":2,"faults":1,"boots":1}' % (
                random.randrange(9), -random.randrange(50, 85), random.randrange(10, 60)))
        else:
            value = '"%.2f"' % (20 + 5 * random.random())
        body = b'{"i":%d,"b":%d,"t":%d,"p":%s}' % (self.seq, self._load.epoch, time.time_ns() // 1_000_000, value.encode())
        self._transport.write(_packet(0x32, topic + struct.pack(">H", (self.seq - 1) % 65000 + 1) + body))
        return True

    def vanish(self):
        """Without DISCONNECT: the last will follows."""
        self._transport.abort()

    def close(self):
        if self._transport and self.up:
            self._transport.write(b"\xe0\0")
            self._transport.close()


class Load:
    """`count` nodes that publish `rate` messages a second together, for `seconds`. tell(text) about once a second."""

    def __init__(self, at, count, rate, seconds, base="holdfast", login=None, prefix="sim-", tell=lambda text: None):
        self.at, self.rate, self.seconds, self.base, self.login, self._tell = at, rate, seconds, base, login, tell
        self.epoch = int(time.time()) & 0x7FFFFFFF
        self.nodes = [LoadNode(self, "%s%05d" % (prefix, n)) for n in range(count)]
        self.connected = self.acked = self.refused = self.pings = self.lost_connections = self.sent = 0
        self.held_back = 0      # messages that were due while their node could not take any more
        self.took_s = 0.0
        self.note = ""          # what somebody else wants told beside the progress

    async def run(self):
        """Connects, publishes, waits for the last acknowledgement, disconnects. Raises OSError without a broker."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < len(self.nodes) + 200:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, len(self.nodes) + 1000), hard))
        await self._connect()
        began = time.monotonic()
        order, at = list(self.nodes), 0
        random.Random(1).shuffle(order)
        told = began
        while (now := time.monotonic()) - began < self.seconds:
            due = int((now - began) * self.rate) - self.sent - self.held_back
            for _ in range(due):
                if order[at].publish():
                    self.sent += 1
                else:
                    self.held_back += 1
                at = (at + 1) % len(order)
            if now - told >= 1:
                told = now
                self._tell("%4.0f s  sent %d  acknowledged %d  connected %d  %s" % (now - began, self.sent, self.acked, self.connected, self.note))
            await asyncio.sleep(TICK_S)
        self.took_s = time.monotonic() - began
        deadline = time.monotonic() + 60
        while self.acked < self.sent and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def close(self):
        for node in self.nodes:
            node.close()
        await asyncio.sleep(0.2)

    async def _connect(self):
        loop = asyncio.get_running_loop()
        for start in range(0, len(self.nodes), CONNECTS_AT_ONCE):
            part = self.nodes[start : start + CONNECTS_AT_ONCE]
            await asyncio.gather(*(loop.create_connection(lambda n=n: n, *self.at) for n in part))
            deadline = time.monotonic() + 20
            while self.connected + self.refused + self.lost_connections < start + len(part) and time.monotonic() < deadline:
                await asyncio.sleep(0.005)
            self._tell("connecting: %d of %d" % (self.connected, len(self.nodes)))
        if self.connected < len(self.nodes):
            raise OSError("only %d of %d nodes were let in by the broker" % (self.connected, len(self.nodes)))
