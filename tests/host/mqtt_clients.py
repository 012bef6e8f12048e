"""Two MQTT clients for tests of brokers: paho, as a user would have it, and a raw one that sends any bytes."""

import queue
import socket
import time

import paho.mqtt.client as paho

WAIT_S = 5
QUIET_S = 0.25      # how long "nothing comes" is waited for


def text(s):
    data = s.encode() if isinstance(s, str) else s
    return len(data).to_bytes(2, "big") + data


def packet(head, body):
    n, size = len(body), b""
    while True:
        size += bytes((n % 128 | (128 if n > 127 else 0),))
        n //= 128
        if not n:
            return bytes((head,)) + size + body


def connect_packet(client_id, clean=True, keepalive=60, will=None, user=None, password=None, level=4, name="MQTT"):
    """will: (topic, payload, qos, retain)."""
    flags = clean << 1
    tail = text(client_id)
    if will:
        topic, payload, qos, retain = will
        flags |= 4 | qos << 3 | retain << 5
        tail += text(topic) + text(payload)
    if user is not None:
        flags |= 0x80
        tail += text(user)
    if password is not None:
        flags |= 0x40
        tail += text(password)
    return packet(0x10, text(name) + bytes((level, flags)) + keepalive.to_bytes(2, "big") + tail)


def publish_packet(topic, payload, qos=0, pid=None, retain=False, dup=False):
    body = text(topic) + (pid.to_bytes(2, "big") if qos else b"") + payload
    return packet(0x30 | dup << 3 | qos << 1 | retain, body)


def subscribe_packet(pid, *filters):
    return packet(0x82, pid.to_bytes(2, "big") + b"".join(text(f) + bytes((q,)) for f, q in filters))


def ack_packet(kind, pid):
    """kind: 4 PUBACK, 5 PUBREC, 6 PUBREL, 7 PUBCOMP."""
    return bytes((kind << 4 | (2 if kind == 6 else 0), 2)) + pid.to_bytes(2, "big")


def is_publish(got, topic, payload, qos=None, dup=None, retain=None):
    """Asserts that `got`, (first byte, body), is this PUBLISH. -> its packet id, None with QoS 0."""
    head, body = got
    size = int.from_bytes(body[:2], "big")
    assert head >> 4 == 3, "packet type %d" % (head >> 4)
    assert body[2:2 + size] == topic.encode()
    got_qos = head >> 1 & 3
    assert body[2 + size + (2 if got_qos else 0):] == payload
    assert qos is None or got_qos == qos
    assert dup is None or bool(head & 8) == dup
    assert retain is None or bool(head & 1) == retain
    return int.from_bytes(body[2 + size:4 + size], "big") if got_qos else None


class Raw:
    """A client that sends what it is told and returns whole packets as (first byte, body)."""

    def __init__(self, broker):
        self.sock = socket.create_connection((broker.host, broker.port), WAIT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.sock.sendall(data)
        return self

    def connect(self, client_id, **kwargs):
        """Send CONNECT; returns (session present, code)."""
        self.send(connect_packet(client_id, **kwargs))
        head, body = self.recv()
        assert head == 0x20 and len(body) == 2, (head, body)
        return bool(body[0]), body[1]

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                raise EOFError("connection closed after %d of %d bytes" % (len(data), n))
            data += piece
        return data

    def recv(self, timeout_s=WAIT_S):
        """The next packet. Raises EOFError when the broker has closed, TimeoutError when nothing comes."""
        self.sock.settimeout(timeout_s)
        try:
            head = self._exactly(1)[0]
            size = shift = 0
            while True:
                b = self._exactly(1)[0]
                size |= (b & 127) << shift
                shift += 7
                if b < 128:
                    return head, self._exactly(size)
        except ConnectionResetError:
            raise EOFError("connection reset") from None

    def closed(self):
        """True when the broker closes without sending anything more."""
        try:
            self.recv()
        except EOFError:
            return True
        return False

    def quiet(self):
        """True when nothing comes for a while and the connection lives."""
        try:
            self.recv(QUIET_S)
        except TimeoutError:
            return True
        return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Paho:
    """A paho client whose waits are bounded and whose messages are a queue."""

    def __init__(self, broker, client_id, clean=True, user=None, password=None, will=None, keepalive=60):
        self.messages = queue.Queue()
        self._broker, self._keepalive = broker, keepalive
        self._connack, self._done = queue.Queue(), queue.Queue()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean, protocol=paho.MQTTv311)
        if user is not None:
            self.client.username_pw_set(user, password)
        if will:
            self.client.will_set(*will)
        self.client.on_connect = lambda c, u, flags, reason, p: self._connack.put((flags.session_present, reason.value))
        self.client.on_message = lambda c, u, m: self.messages.put(m)
        self.client.on_subscribe = lambda c, u, mid, codes, p: self._done.put([code.value for code in codes])
        self.client.on_unsubscribe = lambda c, u, mid, codes, p: self._done.put(mid)

    def connect(self):
        """Returns (session present, reason)."""
        self.client.connect(self._broker.host, self._broker.port, self._keepalive)
        self.client.loop_start()
        return self._connack.get(timeout=WAIT_S)

    def subscribe(self, *filters):
        """filters: (pattern, qos). Returns the granted codes."""
        self.client.subscribe(list(filters))
        return self._done.get(timeout=WAIT_S)

    def unsubscribe(self, pattern):
        self.client.unsubscribe(pattern)
        return self._done.get(timeout=WAIT_S)

    def publish(self, topic, payload, qos=0, retain=False):
        """Returns when the hand-shake of that QoS is complete."""
        info = self.client.publish(topic, payload, qos, retain)
        info.wait_for_publish(WAIT_S)
        assert info.is_published(), "QoS %d publish not acknowledged" % qos

    def get(self):
        """The next message as (topic, payload, qos, retain)."""
        m = self.messages.get(timeout=WAIT_S)
        return m.topic, m.payload, m.qos, bool(m.retain)

    def quiet(self):
        time.sleep(QUIET_S)
        return self.messages.empty()

    def disconnect(self):
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self):
        self.connect()
        return self

    def __exit__(self, *exc):
        self.disconnect()
