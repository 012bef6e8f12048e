"""The witness: a subscriber at the broker side that writes into the history what arrives. It answers for "delivered".

Persistent session, QoS 1: what is published while it is away waits for it at the broker. May use: paho-mqtt.
"""

import base64
import threading
import time
import uuid

import paho.mqtt.client as paho

from .errors import BenchError, TimedOut

CONNECT_LIMIT_S = 15
RECONNECT_S = 0.3
KEEPALIVE_S = 15
PUBLISH_LIMIT_S = 10


class Witness:
    """Subscribes to `topic_filter`; `board_of(topic)` names the board a topic belongs to, or None."""

    def __init__(self, host, port, history, topic_filter, user=None, password=None, board_of=lambda topic: None):
        self._at, self._history, self._filter, self._board_of = (host, port), history, topic_filter, board_of
        self._subscribed = threading.Event()
        self._refused = None
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="holdfast-witness-" + uuid.uuid4().hex[:10],
                                   clean_session=False, protocol=paho.MQTTv311)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(RECONNECT_S, RECONNECT_S)
        self._client.on_connect, self._client.on_subscribe = self._on_connect, self._on_subscribe
        self._client.on_message, self._client.on_disconnect = self._on_message, self._on_disconnect

    def start(self):
        """Returns when the subscription stands. Raises BenchError when the broker refuses or is not there."""
        host, port = self._at
        try:
            self._client.connect(host, port, KEEPALIVE_S)
        except OSError as e:
            raise BenchError("no broker at %s:%d (%s): is it running, and is the address right?" % (host, port, e.strerror or e)) from None
        self._client.loop_start()
        deadline = time.monotonic() + CONNECT_LIMIT_S
        while not self._subscribed.wait(0.05):
            if self._refused:
                self.stop()
                raise BenchError("the broker at %s:%d refuses the login (%s): check user and password in secrets.json" % (host, port, self._refused))
            if time.monotonic() > deadline:
                self.stop()
                raise TimedOut("the broker at %s:%d to accept a subscription" % self._at, CONNECT_LIMIT_S * 1000)
        return self

    def wait_ready(self, limit_s=CONNECT_LIMIT_S):
        """Returns when the subscription stands (again). Raises TimedOut."""
        if not self._subscribed.wait(limit_s):
            raise TimedOut("the broker at %s:%d to have the witness's subscription again" % self._at, limit_s * 1000)

    def stop(self):
        """Ends the session for good, so that the broker keeps nothing for it. Never raises."""
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic, payload, qos, retain):
        """Sends a message to whoever subscribed. Raises BenchError when the broker does not take it."""
        sent = self._client.publish(topic, payload, qos, retain)
        try:
            sent.wait_for_publish(PUBLISH_LIMIT_S)
        except (RuntimeError, ValueError) as e:
            raise BenchError("the broker does not take a message for %s: %s" % (topic, e)) from None

    # -- in paho's thread ----------------------------------------------------------------------------------------------

    def _on_connect(self, client, userdata, flags, reason, properties):
        if reason.is_failure:
            self._refused = str(reason)
            return
        if flags.session_present:
            self._subscribed.set()
        else:
            client.subscribe(self._filter, qos=1)
        self._history.add("broker", "witness", up=True, kept=bool(flags.session_present))

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        if any(r.is_failure for r in reasons):
            self._refused = "no right to subscribe to %s" % self._filter
            return
        self._subscribed.set()

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        self._subscribed.clear()
        self._history.add("broker", "witness", up=False, why=str(reason))

    def _on_message(self, client, userdata, message):
        if message.topic.split("/")[2:3] == ["cmd"]:
            return  # on its way to a board, not from one
        fields = {"topic": message.topic, "qos": message.qos, "retain": bool(message.retain), "dup": bool(message.dup)}
        try:
            fields["payload"] = message.payload.decode()
        except UnicodeDecodeError:
            fields["payload64"] = base64.b64encode(message.payload).decode()
        board = self._board_of(message.topic)
        if board:
            fields["board"] = board
        self._history.add("broker", "recv", **fields)
