"""Serves a bundle at a broker: a connection, and a rollout over it. May use: the monitor's link and its quiet owner, rollout. Its own thread is the link's."""

import threading
import time
import uuid

from ..errors import BenchError
from ..monitor.link import Link
from ..monitor.quiet import Quiet

RECONNECT_MS = (300, 3000)
LISTEN_S = 2.0      # for the retained status of every node
TOPICS = ("piece", "reply", "update", "status")
SESSION_S = 3600    # what a node says last waits so long for us


class Listener(Quiet):
    """Subscribed to `filters` at the broker `at` (host, port): heard((topic, payload)) for each message that is not a retained one, in the link's thread."""

    def __init__(self, at, filters, heard=lambda message: None, user=None, password=None, tls=None):
        super().__init__()
        self._at, self._heard = at, heard
        self.link = Link(self, at, "holdfast-host-" + uuid.uuid4().hex[:10], filters, user, password, session_s=SESSION_S, pauses=RECONNECT_MS, tls=tls)

    def start(self):
        """Returns when the broker has accepted. Raises BenchError when it refuses or is not there."""
        why = self.connect(self._at, lambda why: why != "no MQTT 5")    # it is tried with 3.1.1 then
        if why:
            raise BenchError("no session at the broker %s:%d: %s" % (*self._at, why))
        return self

    def publish(self, topic, payload, qos):
        self.link.publish(topic, payload, qos, False)

    def received(self, raw_topic, payload, qos, retain, dup, mid):
        self.took(qos, mid)
        topic = raw_topic.decode("utf-8", "replace")
        if retain:
            self.kept(topic, payload)
        else:
            self._heard((topic, payload))

    def kept(self, topic, payload):
        """A retained message."""


class Server(Listener):
    """start() returns when the broker has accepted; then roll(rollout). Ends with stop()."""

    def __init__(self, at, base="holdfast", user=None, password=None, tls=None):
        super().__init__(at, ["%s/+/%s" % (base, t) for t in TOPICS], self._said, user, password, tls)
        self._lock, self.rollout = threading.Lock(), None
        self._seen = set()      # nodes that have left a status

    def known(self):
        """Names of the nodes that have left a status at the broker, in order."""
        time.sleep(LISTEN_S)
        with self._lock:
            return sorted(self._seen)

    def roll(self, rollout):
        with self._lock:
            self.rollout = rollout
            rollout.turn(time.monotonic())

    def wait(self, within_s, look=lambda: None, every_s=0.2):
        """Until the rollout is over, or time is up; `look` is called now and then."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with self._lock:
                over = self.rollout.over
            look()
            if over:
                return
            time.sleep(every_s)
        with self._lock:
            self.rollout.give_up()
        look()

    def kept(self, topic, payload):
        parts = topic.split("/")
        if parts[2:] == ["status"] and payload:
            with self._lock:
                self._seen.add(parts[1])

    def _said(self, message):
        with self._lock:
            if self.rollout:
                self.rollout.received(*message, time.monotonic())

    def turn(self, now):
        with self._lock:
            if self.rollout:
                self.rollout.turn(time.monotonic())
        super().turn(now)
