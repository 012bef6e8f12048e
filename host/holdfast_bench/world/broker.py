"""The built-in MQTT 3.1.1 broker: sessions, routing, retained messages, last wills, limits, fault hooks.

Sans-I/O: connections come in through `attach(wire)`, bytes through `Link.feed`, time as now_ms; it asks to be called
back with `tick(now_ms)` through its `wake_at`. What it sees goes to a watcher. Knows no socket, no clock, no random number.
Common subset of CPython and MicroPython: the same code answers over real sockets and inside the simulation.
"""

from . import mqtt
from .broker_faults import Faults
from .broker_link import Link
from .broker_session import Session

MAX_INFLIGHT = 20       # as mosquitto: unacknowledged QoS 1 and 2 messages to one client
MAX_QUEUED = 1000       # as mosquitto: QoS 1 and 2 messages that wait for one client
MAX_PACKET = 1 << 20
MAX_SESSIONS = 10_000
MAX_RETAINED = 10_000
MAX_ROUTES = 1000       # topics whose receivers are remembered
EXCUSED_MS = 1000       # how often the silence of a client that is not being listened to is looked at
MAX_HALF = 256          # QoS 2 messages of one client between PUBLISH and PUBREL; EMQX takes 100 by default (max_awaiting_rel)


class Silent:
    """A watcher that does not look; the base of those that do."""

    def recv(self, now_ms, client_id, topic, payload, qos, retain, dup):
        """A message was accepted from a client (QoS 2: at its PUBREL), or is its will."""

    def event(self, now_ms, ev, **fields):
        """`connect`, `disconnect`, `drop`: what happened to clients."""


class Broker:
    def __init__(self, users=None, watcher=None, now_ms=0, max_inflight=MAX_INFLIGHT, max_queued=MAX_QUEUED,
                 max_packet=MAX_PACKET):
        """users: {name: password}, bytes both; None lets everyone in."""
        self.users = users
        self.watcher = watcher or Silent()
        self.now_ms = now_ms
        self.max_inflight = max_inflight
        self.max_queued = max_queued
        self.max_packet = max_packet
        self.max_half = MAX_HALF
        self.wake_at = None         # the owner's function: "call tick(now_ms) at this time"; the earliest asked since the last tick counts
        self.faults = Faults(self)
        self.links = []
        self.sessions = {}          # client id -> Session
        self.retained = {}          # topic -> (payload, qos)
        self._order = []            # client ids in the order they came: a dict has none in MicroPython
        self._timers = []           # (at_ms, number, fn, arg), sorted
        self._numbers = 0
        self._check_at_ms = None    # when silence is looked at next
        self._routes = {}           # topic -> [(Session, qos)]; emptied by every change of a subscription
        self.malformed = self.refused = self.dropped_qos0 = self.dropped_retained = self.dropped_sessions = 0

    # -- for the owner -------------------------------------------------------------------------------------------------

    def attach(self, wire, now_ms):
        """A new connection was accepted. wire: write(data), close(), abort(), pause(on), backlog() -> bytes not yet taken."""
        self.now_ms = now_ms
        link = Link(self, wire)
        self.links.append(link)
        if self.faults.deaf:
            wire.pause(True)
        self._watch_silence(link)
        return link

    def tick(self, now_ms):
        """Do what has become due; asks for the next call through wake_at."""
        self.now_ms = now_ms
        while self._timers and self._timers[0][0] <= now_ms:
            _, _, fn, arg = self._timers.pop(0)
            fn(arg)
        if self._check_at_ms is not None and self._check_at_ms <= now_ms:
            self._check_at_ms = None
            for link in list(self.links):
                if link.limit_ms and link.open:
                    if now_ms - link.heard_at_ms >= link.limit_ms and not self.faults.deaf and not link.held:
                        link.close("keep-alive exceeded")
                    else:
                        self._watch_silence(link)
        if self.wake_at:
            if self._timers:
                self.wake_at(self._timers[0][0])
            if self._check_at_ms is not None:
                self.wake_at(self._check_at_ms)

    def after(self, delay_ms, fn, arg):
        """Run fn(arg) at a later tick."""
        self._numbers += 1
        entry = (self.now_ms + delay_ms, self._numbers, fn, arg)
        i = len(self._timers)
        while i and self._timers[i - 1][0] > entry[0]:
            i -= 1
        self._timers.insert(i, entry)
        if i == 0 and self.wake_at:
            self.wake_at(entry[0])

    def _watch_silence(self, link):
        """See to it that this link's silence is looked at when its limit is reached at the earliest."""
        if not link.limit_ms:
            return
        at_ms = max(link.heard_at_ms + link.limit_ms, self.now_ms + (EXCUSED_MS if self.faults.deaf or link.held else 1))
        if self._check_at_ms is None or at_ms < self._check_at_ms:
            self._check_at_ms = at_ms
            if self.wake_at:
                self.wake_at(at_ms)

    def publish(self, topic, payload, qos=0, retain=False):
        """A message from the owner itself, to whoever subscribed."""
        mqtt.check_topic(topic)
        self._distribute(topic, payload, qos, retain)

    def forget(self, client_id=None):
        """Lose the session of one client, or of all: subscriptions, queue, in-flight. A connected one is cut off."""
        for known in list(self._order) if client_id is None else [client_id]:
            session = self.sessions.get(known)
            if session:
                if session.link:
                    session.link.close("session forgotten", True)
                if known in self.sessions:      # a clean one has ended with its connection
                    self._drop_session(session)

    def kick(self, client_id=None, reset=False):
        """Close the connection of one client, or of all; sessions stay. Returns how many."""
        links = [link for link in self.links if link.session and client_id in (None, link.session.client_id)]
        for link in links:
            link.close("kicked", reset)
        return len(links)

    def crash(self, keep):
        """The process dies: every connection is gone without its will; `keep`: stored sessions and retained messages survive.

        The owner has to end the connections themselves: what a dead process sends is its operating system's affair.
        """
        for link in self.links:
            link.open = False
            if link.session:
                link.session.link = None
        self.links = []
        self._timers = []
        self._check_at_ms = None
        for known in list(self._order):
            if self.sessions[known].clean or not keep:
                self._drop_session(self.sessions[known])
        if not keep:
            self.retained = {}

    # -- for links -----------------------------------------------------------------------------------------------------

    def may_connect(self, user, password):
        return self.users is None or (user is not None and self.users.get(user) == password)

    def admit(self, link, client_id, clean):
        """(session, session present) for an accepted CONNECT; takes the client id over from an older connection (section 3.1.4)."""
        if not client_id:
            self._numbers += 1
            client_id = b"auto-%d" % self._numbers
        session = self.sessions.get(client_id)
        if session and session.link:
            if not clean and not session.clean:
                session.link.will = None    # the session goes on, nobody is gone: as mosquitto does
            session.link.close("taken over")
            session = self.sessions.get(client_id)
        present = session is not None and not clean
        if session and not present:
            self._drop_session(session)
        if not present:
            session = Session(client_id, clean, self.max_inflight, self.max_queued)
            self._make_room()
            self.sessions[client_id] = session
            self._order.append(client_id)
        session.link = link
        self._watch_silence(link)
        self.watcher.event(self.now_ms, "connect", client=client_id, clean=clean, present=present)
        return session, present

    def _make_room(self):
        """Beyond the limit the longest known client that is away loses its session, counted."""
        if len(self._order) >= MAX_SESSIONS:
            for known in self._order:
                if not self.sessions[known].link:
                    self.dropped_sessions += 1
                    self._drop_session(self.sessions[known])
                    return

    def link_ended(self, link, why):
        link.open = False
        self.links.remove(link)
        session = link.session
        if session is None:
            self.watcher.event(self.now_ms, "disconnect", client=None, why=why)
            return
        session.link = None
        if session.clean:
            self._drop_session(session)
        self.watcher.event(self.now_ms, "disconnect", client=session.client_id, why=why)
        if link.will:
            topic, payload, qos, retain = link.will
            self.watcher.recv(self.now_ms, session.client_id, topic, payload, qos, retain, 0)
            self._distribute(topic, payload, qos, retain)

    def _drop_session(self, session):
        del self.sessions[session.client_id]
        self._order.remove(session.client_id)
        if session.subs:
            self._routes = {}

    def subscribe(self, session, wanted):
        for pattern, _, qos in wanted:
            session.subscribe(pattern, qos)
        self._routes = {}

    def unsubscribe(self, session, pattern):
        session.unsubscribe(pattern)
        self._routes = {}

    def send_retained(self, session, levels, qos):
        """What a new subscription gets of the retained messages (section 3.3.1.3)."""
        for topic in sorted(self.retained):
            if mqtt.matches(levels, topic.split(b"/")):
                payload, published_qos = self.retained[topic]
                session.deliver(topic, payload, min(qos, published_qos), True)

    # -- messages ------------------------------------------------------------------------------------------------------

    def route(self, link, topic, payload, qos, retain, dup):
        """A client's message. Raises Malformed for a topic that may not be published to."""
        routes = self._routes.get(topic)
        if routes is None:
            routes = self._find_routes(topic)
        self.watcher.recv(self.now_ms, link.session.client_id, topic, payload, qos, retain, dup)
        if retain or routes:
            self._distribute(topic, payload, qos, retain)

    def _distribute(self, topic, payload, qos, retain):
        if retain:
            self._retain(topic, payload, qos)
        routes = self._routes.get(topic)
        if routes is None:
            routes = self._find_routes(topic)
        for session, granted in routes:
            session.deliver(topic, payload, granted if granted < qos else qos, False)

    def _retain(self, topic, payload, qos):
        if not payload:
            self.retained.pop(topic, None)
        elif topic in self.retained or len(self.retained) < MAX_RETAINED:
            self.retained[topic] = (payload, qos)
        else:
            self.dropped_retained += 1

    def _find_routes(self, topic):
        """[(session, its highest granted QoS)] of everyone whose filters match: each client gets one copy (section 3.3.5)."""
        mqtt.check_topic(topic)
        levels = topic.split(b"/")
        routes = []
        for client_id in self._order:
            session = self.sessions[client_id]
            best = -1
            for pattern, qos in session.subs:
                if qos > best and mqtt.matches(tuple(pattern.split(b"/")), levels):
                    best = qos
            if best >= 0:
                routes.append((session, best))
        if len(self._routes) >= MAX_ROUTES:
            self._routes = {}
        self._routes[topic] = routes
        return routes
