"""What is known of each node right now, beyond presence: what it sent last, what its metrics say, its resets. In memory; a summary is kept in the database.

Pure: rows and the time are handed in. What a node says about itself is bounded: so many numbers, names so long.
"""

import json
from bisect import bisect_left

NUMBERS_MAX = 48        # in a node's metrics
NAME_MAX = 40
CAUSES_MAX = 12
# Upper bounds of the buckets of reconnect times, s.
BUCKETS_S = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
# machine.reset_cause() of the ESP32 port.
CAUSES = {1: "power", 2: "hard", 3: "watchdog", 4: "deepsleep", 5: "soft"}


class Node:
    __slots__ = ("device", "first_ms", "last_ms", "messages", "duplicates", "refused", "topic", "value", "numbers", "numbers_ms", "resets", "text",
                 "epoch", "changed", "reconnects", "outage_ms", "reset_at_boots")

    def __init__(self, device, now_ms):
        self.device, self.first_ms, self.last_ms = device, now_ms, now_ms
        self.messages = self.duplicates = self.refused = 0
        self.topic = self.value = None      # of the last message
        self.numbers, self.numbers_ms = {}, 0     # its metrics
        self.resets = {}                    # cause -> how many, as far as it told
        self.reset_at_boots = None
        self.text = {}                      # other short facts: firmware version, …
        self.epoch = None
        self.changed = 0                    # turn in which it last changed
        self.reconnects = 0
        self.outage_ms = None               # since when it is away

    def summary(self):
        """What outlives the monitor, as JSON."""
        return json.dumps({"messages": self.messages, "duplicates": self.duplicates, "refused": self.refused, "topic": self.topic, "value": self.value,
                           "numbers": self.numbers, "numbers_ms": self.numbers_ms, "resets": self.resets, "boots": self.reset_at_boots,
                           "text": self.text, "reconnects": self.reconnects}, ensure_ascii=False)

    def restore(self, text):
        try:
            kept = json.loads(text)
        except ValueError:
            return
        for name in ("messages", "duplicates", "refused", "topic", "value", "numbers", "numbers_ms", "resets", "text", "reconnects"):
            if name in kept:
                setattr(self, name, kept[name])
        self.reset_at_boots = kept.get("boots")


class Histogram:
    """Reconnect times over all nodes, as Prometheus counts them."""

    def __init__(self):
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds):
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds


class Fleet:
    """All nodes. tell(now_ms, device, kind, detail): called for what belongs on a node's time line."""

    def __init__(self, tell, nodes_max):
        self._tell, self.nodes_max = tell, nodes_max
        self.nodes = {}
        self.reconnect = Histogram()

    def node(self, device, now_ms):
        """The node of that name, new where it is not known. None when there are too many already."""
        node = self.nodes.get(device)
        if node is None and len(self.nodes) < self.nodes_max:
            node = self.nodes[device] = Node(device, now_ms)
        return node

    def stored(self, row, new):
        """A row is in the database; `new` or once more."""
        node = self.nodes.get(row.device)
        if node is None:
            return
        node.last_ms = max(node.last_ms, row.received_ms)
        if not new:
            node.duplicates += 1
            return
        node.messages += 1
        if row.topic == "metrics":
            self._metrics(node, row)
        elif row.topic != "log":
            node.topic, node.value = row.topic[:NAME_MAX], row.payload[:64].decode("utf-8", "replace")
        if row.epoch >= 0 and row.epoch != node.epoch:
            if node.epoch is not None and row.epoch > node.epoch:
                self._tell(row.received_ms, row.device, "epoch", "numbers begin again: epoch %d" % row.epoch)
            node.epoch = max(row.epoch, node.epoch or 0)

    def _metrics(self, node, row):
        try:
            given = json.loads(row.payload)
        except (ValueError, RecursionError):
            return
        if not isinstance(given, dict):
            return
        numbers = {}
        for name, value in given.items():
            if len(numbers) < NUMBERS_MAX and type(value) in (int, float) and -1e15 < value < 1e15 and 0 < len(name) <= NAME_MAX and name.isascii():
                numbers[name] = value
            elif isinstance(value, str) and name in ("ver", "ip", "ssid", "board") and len(value) <= NAME_MAX:
                node.text[name] = value
        boots = numbers.get("boots")
        if boots is not None:
            before = node.reset_at_boots
            if before is not None and boots > before:
                cause = given.get("cause")
                name = CAUSES.get(cause, str(cause)[:NAME_MAX] if cause is not None else "unknown")
                if name in node.resets or len(node.resets) < CAUSES_MAX:
                    node.resets[name] = node.resets.get(name, 0) + 1
                if boots - before > 1:
                    node.resets["unknown"] = node.resets.get("unknown", 0) + int(boots - before) - 1
                self._tell(row.received_ms, node.device, "reset", "started again (%s), boot %d" % (name, boots))
            node.reset_at_boots = boots
        node.numbers, node.numbers_ms = numbers, row.received_ms

    def away(self, device, now_ms):
        node = self.nodes.get(device)
        if node and node.outage_ms is None:
            node.outage_ms = now_ms

    def back(self, device, now_ms):
        node = self.nodes.get(device)
        if node and node.outage_ms is not None:
            self.reconnect.add((now_ms - node.outage_ms) / 1000)
            node.reconnects += 1
            node.outage_ms = None
