"""Serves a bundle at a broker: a connection, and a rollout over it. May use: the monitor's link, rollout. Its own thread is the link's."""

import threading
import time
import uuid

from ..errors import BenchError, TimedOut
from ..monitor.link import Link

CONNECT_LIMIT_S = 15
RECONNECT_MS = (300, 3000)
PATIENCE_S = 0.2
LISTEN_S = 2.0      # for the retained status of every node
TOPICS = ("piece", "reply", "update", "status")
SESSION_S = 3600    # what a node says last waits so long for us


class Listener:
    """Subscribed to `filters` at the broker `at` (host, port): heard((topic, payload)) for each message that is not a retained one, in the link's thread."""

    def __init__(self, at, filters, heard=lambda message: None, user=None, password=None, tls=None):
        self._at, self._heard = at, heard
        self._up, self._mids = threading.Event(), []
        self._link = Link(self, at, "holdfast-host-" + uuid.uuid4().hex[:10], filters, user, password, session_s=SESSION_S, pauses=RECONNECT_MS, tls=tls)

    def start(self):
        """Returns when the broker has accepted. Raises BenchError when it refuses or is not there."""
        self._link.start()
        deadline = time.monotonic() + CONNECT_LIMIT_S
        while not self._up.wait(0.05):
            why = self._link.why_down if self._link.failures else None
            if why == "no MQTT 5":
                why = None      # it is tried with 3.1.1 then
            if why or time.monotonic() > deadline:
                self.stop()
                if why:
                    raise BenchError("no session at the broker %s:%d: %s" % (*self._at, why))
                raise TimedOut("the broker at %s:%d to accept a subscription" % self._at, CONNECT_LIMIT_S * 1000)
        return self

    def stop(self):
        self._link.stop()

    def publish(self, topic, payload, qos):
        self._link.publish(topic, payload, qos, False)

    # -- the link's owner, in its thread -------------------------------------------------------------------------------

    def up(self, kept):
        self._up.set()

    def down(self, why):
        self._mids = []

    def received(self, raw_topic, payload, qos, retain, dup, mid):
        if qos:
            self._mids.append(mid)
        topic = raw_topic.decode("utf-8", "replace")
        if retain:
            self.kept(topic, payload)
        else:
            self._heard((topic, payload))

    def kept(self, topic, payload):
        """A retained message."""

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
