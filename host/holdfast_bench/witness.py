"""The witness: a subscriber at the broker side that writes into the history what arrives. It answers for "delivered".

It is the monitor's own link (monitor/link.py): persistent session, QoS 1, so what is published while it is away waits for it at the broker, and a message
is acknowledged only when the history has it.
"""

import base64
import queue
import threading
import time
import uuid

from .errors import BenchError, TimedOut
from .monitor.link import Link

CONNECT_LIMIT_S = 15
RECONNECT_MS = 300
PATIENCE_S = 0.2
PUBLISH_LIMIT_S = 10
MQTT_311 = 4    # what our boards speak, and every broker


class Witness:
    """Subscribes to `topic_filter`; `board_of(topic)` names the board a topic belongs to, or None."""

    def __init__(self, host, port, history, topic_filter, user=None, password=None, board_of=lambda topic: None):
        self._at, self._history, self._board_of = (host, port), history, board_of
        self._subscribed = threading.Event()
        self._mids = []
        self._link = Link(self, self._at, "holdfast-witness-" + uuid.uuid4().hex[:10], [topic_filter], user, password, version=MQTT_311,
                          always_subscribe=False, pauses=(RECONNECT_MS, RECONNECT_MS))

    def start(self):
        """Returns when the subscription stands. Raises BenchError when the broker refuses or is not there."""
        self._link.start()
        deadline = time.monotonic() + CONNECT_LIMIT_S
        while not self._subscribed.wait(0.05):
            why = self._link.why_down if self._link.failures else None
            if why or time.monotonic() > deadline:
                self.stop()
                if why and "refuses" in why or why and "no right" in why:
                    raise BenchError("%s: check user and password in secrets.json" % why)
                if why:
                    raise BenchError("no broker at %s:%d (%s): is it running, and is the address right?" % (*self._at, why))
                raise TimedOut("the broker at %s:%d to accept a subscription" % self._at, CONNECT_LIMIT_S * 1000)
        return self

    def wait_ready(self, limit_s=CONNECT_LIMIT_S):
        """Returns when the subscription stands (again). Raises TimedOut."""
        if not self._subscribed.wait(limit_s):
            raise TimedOut("the broker at %s:%d to have the witness's subscription again" % self._at, limit_s * 1000)

    def stop(self):
        """Ends the connection. Never raises."""
        self._subscribed.clear()
        self._link.stop()

    def publish(self, topic, payload, qos, retain):
        """Sends a message to whoever subscribed. Raises BenchError when the broker does not take it."""
        infos = queue.Queue()
        try:
            if not self._link.publish(topic, payload, qos, retain, sent=infos.put):
                raise RuntimeError("no connection")
            infos.get(timeout=PUBLISH_LIMIT_S).wait_for_publish(PUBLISH_LIMIT_S)
        except (RuntimeError, ValueError, queue.Empty) as e:
            raise BenchError("the broker does not take a message for %s: %s" % (topic, e or "no connection")) from None

    # -- the link's owner, in its thread -------------------------------------------------------------------------------

    def up(self, kept):
        self._history.add("broker", "witness", up=True, kept=kept)
        self._subscribed.set()

    def down(self, why):
        self._mids = []
        if self._subscribed.is_set():
            self._subscribed.clear()
            self._history.add("broker", "witness", up=False, why=why)

    def received(self, raw_topic, payload, qos, retain, dup, mid):
        if qos:
            self._mids.append(mid)
        topic = raw_topic.decode("utf-8", "replace")
        if topic.split("/")[2:3] == ["cmd"]:
            return  # on its way to a board, not from one
        fields = {"topic": topic, "qos": qos, "retain": bool(retain), "dup": bool(dup)}
        try:
            fields["payload"] = payload.decode()
        except UnicodeDecodeError:
            fields["payload64"] = base64.b64encode(payload).decode()
        board = self._board_of(topic)
        if board:
            fields["board"] = board
        self._history.add("broker", "recv", **fields)

    def turn(self, now):
        if self._mids and self._link.open:
            self._link.ack(self._mids)
            self._mids = []

    def patience(self):
        return PATIENCE_S

    def hungry(self):
        return True

    def may_end(self):
        return True
