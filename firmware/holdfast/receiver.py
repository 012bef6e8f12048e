# receiver.py - is anybody there behind the broker? The application's own ping with a time stamp (R14). Loaded where app_ping_s is set.
# May import: json, asyncio; the node is handed in.   Time: ticks.   Blocks: never.
#
# A broker that answers says nothing of whoever shall receive the messages. docs/protocol.md: `ping` up, `cmd/pong` down.
from asyncio import sleep_ms
from json import loads
from micropython import const
from time import ticks_diff, ticks_ms

_LONGEST_MS = const(60000)


class Receiver:
    def __init__(self, node):
        self._node = node
        self._sent_at = self._heard_at = None
        self.rtt_ms = None  # of the last ping that was answered
        self.there = None  # is it? None: not known yet
        node.on("cmd/pong", 0)(self._pong)

    async def run(self):
        cfg = self._node.config
        while True:
            if self._node.state == "online":
                now = ticks_ms()
                if self._heard_at is None:
                    self._heard_at = now
                elif ticks_diff(now, self._heard_at) > cfg["app_ping_limit_s"] * 1000:
                    self._see(False)
                self._sent_at = now
                self._node.supervisor.tell("ping", '{"type":"ping","timestamp":%d}' % now, flags=0)
            elif self.there is not False:
                self._heard_at = None  # the node itself is away: that is known already
            ms = cfg["app_ping_s"] * 1000
            while ms > 0:
                await sleep_ms(min(ms, _LONGEST_MS))
                ms -= _LONGEST_MS

    def _pong(self, topic, payload):
        now = ticks_ms()
        if self._sent_at is not None and loads(payload)["timestamp"] == self._sent_at:
            self.rtt_ms = ticks_diff(now, self._sent_at)
            self._heard_at = now
            self._see(True)

    def _see(self, there):
        if there != self.there:
            self.there = there
            self._node.emit("receiver", {"there": there, "rtt_ms": self.rtt_ms})
