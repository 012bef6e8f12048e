"""The witness: a subscriber at the broker side that writes into the history what arrives. It answers for "delivered".

It is the monitor's own link (monitor/link.py): persistent session, QoS 1, so what is published while it is away waits for it at the broker, and a message
is acknowledged only when the history has it.
"""

import base64
import queue
import uuid

from .errors import BenchError, TimedOut
from .monitor.link import Link
from .monitor.quiet import CONNECT_LIMIT_S, Quiet

RECONNECT_MS = 300
PUBLISH_LIMIT_S = 10
MQTT_311 = 4    # what our boards speak, and every broker


class Witness(Quiet):
    """Subscribes to `topic_filter`; `board_of(topic)` names the board a topic belongs to, or None."""

    def __init__(self, host, port, history, topic_filter, user=None, password=None, board_of=lambda topic: None):
        super().__init__()
        self._at, self._history, self._board_of = (host, port), history, board_of
        self.link = Link(self, self._at, "holdfast-witness-" + uuid.uuid4().hex[:10], [topic_filter], user, password, version=MQTT_311,
                         always_subscribe=False, pauses=(RECONNECT_MS, RECONNECT_MS))

    def start(self):
        """Returns when the subscription stands. Raises BenchError when the broker refuses or is not there."""
        why = self.connect(self._at)
        if why and ("refuses" in why or "no right" in why):
            raise BenchError("%s: check user and password in secrets.json" % why)
        if why:
            raise BenchError("no broker at %s:%d (%s): is it running, and is the address right?" % (*self._at, why))
        return self

    def wait_ready(self, limit_s=CONNECT_LIMIT_S):
        """Returns when the subscription stands (again). Raises TimedOut."""
        if not self.stands.wait(limit_s):
            raise TimedOut("the broker at %s:%d to have the witness's subscription again" % self._at, limit_s * 1000)

    def stop(self):
        """Ends the connection. Never raises."""
        self.stands.clear()
        super().stop()

    def publish(self, topic, payload, qos, retain):
        """Sends a message to whoever subscribed. Raises BenchError when the broker does not take it."""
        infos = queue.Queue()
        try:
            if not self.link.publish(topic, payload, qos, retain, sent=infos.put):
                raise RuntimeError("no connection")
            infos.get(timeout=PUBLISH_LIMIT_S).wait_for_publish(PUBLISH_LIMIT_S)
        except (RuntimeError, ValueError, queue.Empty) as e:
            raise BenchError("the broker does not take a message for %s: %s" % (topic, e or "no connection")) from None

    # -- the link's owner, in its thread -------------------------------------------------------------------------------

    def up(self, kept):
        self._history.add("broker", "witness", up=True, kept=kept)
        super().up(kept)

    def down(self, why):
        super().down(why)
        if self.stands.is_set():
            self.stands.clear()
            self._history.add("broker", "witness", up=False, why=why)

    def received(self, raw_topic, payload, qos, retain, dup, mid):
        self.took(qos, mid)
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
