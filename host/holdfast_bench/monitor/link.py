"""The monitor's connection to the broker: one thread, one MQTT session that outlives restarts, acknowledgement by hand.

May use: paho-mqtt, the firmware's back-off. Knows nothing of what the messages mean. Its owner gets every call in the link's thread:
`received(topic, payload, qos, retain, dup, mid)`, `turn(now)` after every round, `up(kept)` and `down(why)`.

MQTT 5 where the broker speaks it, because only there a client may say how many messages it takes unacknowledged (mosquitto sends 20 at a time
otherwise, and a commit per 20 messages would be the limit); else 3.1.1. Subscribed at QoS 1 at most: exactly once is the database's work, and paho
answers PUBREC before anybody could have stored a thing.
"""

import select
import socket
import ssl
import threading
import time
from collections import deque
from random import getrandbits

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from .. import device_files
from ..errors import BenchError
from .stream import PACKET_MAX, Stream

KEEPALIVE_S = 15
CONNECT_LIMIT_S = 5         # TCP and TLS
CONNACK_LIMIT_S = 10
SESSION_S = 7 * 86400       # the broker keeps what comes for us so long (MQTT 5; 3.1.1 leaves it to the broker)
INFLIGHT = 4096             # messages on their way to us at one time
ROUND = 4                   # chunks read before anything else gets its turn
BASE_MS, CAP_MS = 500, 10_000
QUICK_MS = 60_000           # in the first minute of an outage tries are a second apart at most
USEFUL_S = 10               # a session that lasts so long ends an outage (R1)
PUBLISHES = 1000            # messages published before anything else gets its turn
WAITING_MAX = 10_000        # messages to publish that wait for the connection

backoff = device_files.load("backoff")


class Refused(BenchError):
    """The broker does not want us: name, password, rights. Trying again soon is useless."""


class _Client(paho.Client):
    def _create_socket(self):
        return Stream(super()._create_socket())


class Link:
    """owner: see above. `at` is (host, port); tls: an ssl.SSLContext or None; will: (topic, payload) published retained when we vanish.

    version: MQTTv5 tries that first. always_subscribe: also where the broker has kept the session, so that it sends what it has in store.
    pauses: (shortest, longest) between tries, ms. session_s: how long the broker keeps the session; less than the default: MQTT 3.1.1, which cannot say so, keeps none."""

    def __init__(self, owner, at, client_id, filters, user=None, password=None, tls=None, will=None, inflight=INFLIGHT, version=paho.MQTTv5,
                 always_subscribe=True, pauses=(BASE_MS, CAP_MS), session_s=SESSION_S):
        self._owner, self.at, self.client_id, self._filters = owner, at, client_id, filters
        self._user, self._password, self._tls, self._will = user, password, tls, will
        self._inflight, self._always, self._pauses, self._session_s = inflight, always_subscribe, pauses, session_s
        self.version = version
        self.connected = False
        self.connects = self.failures = 0
        self.why_down = "not yet connected"
        self._client = None
        self._accepted, self._end = False, None
        self._short = 0             # sessions in a row that ended as soon as they had begun
        self._stopping = False
        self._waiting = deque()             # (topic, payload, qos, retain, sent)
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._thread = None
        self.crashed = None                 # the exception that ended the thread

    # -- any thread ----------------------------------------------------------------------------------------------------

    def start(self):
        self._thread = threading.Thread(target=self._run_guarded, name="monitor link", daemon=True)
        self._thread.start()
        return self

    def stop(self, limit_s=15):
        """Ends the connection in good order. The session stays at the broker. Never raises."""
        self._stopping = True
        self.wake()
        if self._thread:
            self._thread.join(limit_s)

    def alive(self):
        return self._thread is not None and self._thread.is_alive()

    def publish(self, topic, payload, qos=0, retain=False, sent=None):
        """Queues a message; False when too many wait. At QoS 0 it goes out now or never. sent(info): called with paho's MQTTMessageInfo."""
        if not self.connected and qos == 0 or len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append((topic, payload, qos, retain, sent))
        self.wake()
        return True

    def wake(self):
        try:
            self._wake_w.send(b"x")
        except OSError:
            pass        # full: it is awake already

    @property
    def open(self):
        """Whether the broker has accepted us and the connection stands: acknowledgements may go."""
        return self._accepted and self._end is None

    # -- in the link's thread --------------------------------------------------------------------------------------------

    def ack(self, mids):
        """Tells the broker that these messages (of QoS 1) are ours now."""
        sock = self._client.socket()
        if sock:
            sock.send(b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids]))

    def _run_guarded(self):
        try:
            self._run()
        except Exception as e:      # the process must learn of it: without this thread it is deaf
            self.crashed = e
            raise
        finally:
            self.connected = False

    def _run(self):
        attempt = last = 0
        outage = time.monotonic()
        while not self._stopping:
            began = time.monotonic()
            useful = False
            try:
                useful = self._session() and time.monotonic() - began > USEFUL_S
            except Refused as e:
                self._failed(str(e))
                attempt = max(attempt, 4)
            except OSError as e:
                self._failed(self._explain(e))
            if self._stopping:
                return
            if useful:
                attempt = last = 0
                outage = time.monotonic()
            attempt += 1
            # The arithmetic of the nodes (R1, R3): decorrelated, with jitter, quick in the first minute, time already spent subtracted.
            base, cap = self._pauses
            cap = min(1000, cap) if (time.monotonic() - outage) * 1000 < QUICK_MS else cap
            last = backoff.wait_ms("decorrelated", attempt, last, min(base, cap), cap, getrandbits(29))
            wait = backoff.jitter_ms("equal", last, getrandbits(29)) / 1000 - (time.monotonic() - began if not useful else 0)
            self._pause(max(wait, 0.05))

    def _failed(self, why):
        self.failures += 1
        self.why_down = why
        self._owner.down(why)

    def _pause(self, seconds):
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            self._owner.turn(time.monotonic())
            select.select([self._wake_r], [], [], min(0.25, max(0, until - time.monotonic())))
            self._drain_wake()

    def _explain(self, e):
        if isinstance(e, ssl.SSLCertVerificationError):
            return "the broker's certificate does not pass: %s" % e.verify_message
        if isinstance(e, socket.gaierror):
            return "no address for %s" % self.at[0]
        if isinstance(e, (TimeoutError, socket.timeout)):
            return "no answer from %s:%d" % self.at
        return getattr(e, "strerror", None) or str(e)

    def _make(self):
        client = _Client(paho.CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=self.version,
                         **({} if self.version == paho.MQTTv5 else {"clean_session": self._session_s < SESSION_S}))
        client.connect_timeout = CONNECT_LIMIT_S
        if self._user is not None:
            client.username_pw_set(self._user, self._password)
        if self._tls:
            client.tls_set_context(self._tls)
        if self._will:
            client.will_set(*self._will, qos=1, retain=True)
        client.on_connect, client.on_subscribe, client.on_disconnect = self._on_connect, self._on_subscribe, self._on_disconnect
        return client

    def _session(self):
        """One connection, from dialing to its end. Returns whether it was any good. Raises OSError, Refused."""
        client = self._client = self._make()
        self._refusal = self._end = None
        self._accepted = False
        kwargs = {}
        if self.version == paho.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = self._session_s
            properties.ReceiveMaximum = self._inflight
            properties.MaximumPacketSize = PACKET_MAX
            kwargs = {"clean_start": False, "properties": properties}
        try:
            client.connect(*self.at, keepalive=KEEPALIVE_S, **kwargs)
        except OSError:
            raise
        except ValueError as e:     # a host name that cannot be one
            raise OSError(str(e)) from None
        began = time.monotonic()
        try:
            while self._end is None:
                self._round(client)
                if not self._accepted and time.monotonic() - began > CONNACK_LIMIT_S:
                    raise OSError("no CONNACK from %s:%d" % self.at)
                if self._stopping and self._owner.may_end():
                    self._send_waiting(client)
                    client.disconnect()
                    return self.connected
        finally:
            was, self.connected = self.connected, False
            sock = client.socket()
            if sock:
                sock.close()
        if self._refusal:
            raise self._refusal
        if not self._accepted and self.version == paho.MQTTv5:
            self.version = paho.MQTTv311    # it hung up on a version it does not know
        self._short = self._short + 1 if was and time.monotonic() - began < USEFUL_S else 0
        if self._short >= 2:    # few brokers say that a session was taken over
            self._end += "; if another client uses the name %s, give every monitor a name of its own" % self.client_id
        self._failed(self._end)
        return was

    def _round(self, client):
        sock = client.socket()
        if sock is None:
            self._end = self._end or "connection lost"
            return
        timeout = self._owner.patience()
        hungry = self._owner.hungry()
        decrypted = hungry and sock.decrypted()
        timeout = 0 if decrypted else timeout if hungry else max(timeout, 0.05)
        readable, _, _ = select.select([sock, self._wake_r] if hungry else [self._wake_r], [sock] if sock.unsent() else [], [], timeout)
        if self._wake_r in readable:
            self._drain_wake()
        if decrypted or sock in readable:
            self._read(client, sock)
        if self._end is None:
            client.loop_misc()
        if self.connected:
            self._send_waiting(client)
        self._owner.turn(time.monotonic())
        if client.want_write():     # what was said inside a callback
            client.loop_write()
        if client.socket() is sock:
            sock.flush()

    def _read(self, client, sock):
        for _ in range(ROUND):
            more = sock.fill()
            while sock.packets(self.version == paho.MQTTv5, self._owner.received):
                if client.loop_read():      # any error: on_disconnect has told why
                    self._end = self._end or "connection lost"
                    return
            if sock.ended:
                client.loop_read()
                self._end = self._end or "connection lost"
            if not more:
                return

    def _send_waiting(self, client):
        waiting = self._waiting
        for _ in range(min(len(waiting), PUBLISHES)):
            topic, payload, qos, retain, sent = waiting.popleft()
            info = client.publish(topic, payload, qos, retain)
            if sent:
                sent(info)

    def _drain_wake(self):
        try:
            while self._wake_r.recv(4096):
                pass
        except BlockingIOError:
            pass

    # -- called by paho --------------------------------------------------------------------------------------------------

    def _on_connect(self, client, userdata, flags, reason, properties):
        name = reason.getName() if hasattr(reason, "getName") else str(reason)
        if reason.is_failure:
            if self.version == paho.MQTTv5 and name in ("Unsupported protocol version", "Protocol error", "Malformed packet", "Unspecified error"):
                self.version = paho.MQTTv311
                self._end = "no MQTT 5"
            else:
                self._refusal = Refused("the broker at %s:%d refuses the login (%s)" % (*self.at, name))
                self._end = name
            return
        self._accepted = True
        self.connects += 1
        self._kept = bool(flags.session_present)
        self._granted = 0
        if self._kept and not self._always:
            return self._up()
        for each in self._filters:
            if self.version == paho.MQTTv5:
                shared = each.startswith("$share/")
                client.subscribe(each, options=SubscribeOptions(qos=1, noLocal=not shared))
            else:
                client.subscribe(each, qos=1)

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        if any(r.is_failure for r in reasons):
            self._refusal = Refused("no right to subscribe to %s at %s:%d" % (" and ".join(self._filters), *self.at))
            self._end = "refused"
            return
        self._granted += 1
        if self._granted == len(self._filters):
            self._up()

    def _up(self):
        self.connected, self.why_down = True, ""
        self._owner.up(self._kept)

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        self._end = self._end or (reason.getName() if hasattr(reason, "getName") else str(reason))
