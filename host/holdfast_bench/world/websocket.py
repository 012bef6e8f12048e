"""A WebSocket server in front of the built-in broker, for the simulation: RFC 6455, the server's half. What it sends it cuts into
fragments, with a PING now and then, so that a client which cannot do with that is found out.

Like a reverse proxy it closes links over which nothing has come for `idle_ms`, and answers 502 while the broker is down.
Common subset of CPython and MicroPython. May use: a BrokerHost.
"""

from binascii import b2a_base64
from hashlib import sha1

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PIECE = 90              # bytes of a fragment
PING_EVERY = 20         # messages


class WebSocketHost:
    """The proxy's process on the broker's machine, listening on `port`; path: the only one it knows."""

    def __init__(self, server, port, path="/mqtt", idle_ms=0):
        self.server, self.host, self.port, self.path, self.idle_ms = server, server.host, port, path.encode(), idle_ms
        self.host.ports[port] = self
        server.on_stop = self._broker_gone
        self.links = []
        self.pongs = 0

    def accept(self, peer):
        link = Link(self, peer)
        self.links.append(link)
        return link

    def _broker_gone(self):
        for link in list(self.links):
            link.close()


class Link:
    """One client. Towards the broker it is a client's wire."""

    def __init__(self, proxy, peer):
        self._proxy = proxy
        self._peer = peer
        self._rest = b""
        self._client = None         # the broker's link; None before the upgrade and after the end
        self._open = True
        self._sent = 0
        self._heard_at_ms = 0
        if proxy.idle_ms:
            proxy.server.kernel.after(proxy.idle_ms, self._look, None)

    def feed(self, data, now_ms):
        self._heard_at_ms = now_ms
        self._rest += data
        if self._client is None and self._open and not self._upgrade(now_ms):
            return
        while self._open:
            frame = self._next()
            if frame is None:
                return
            self._frame(frame[0], frame[1], now_ms)

    def lost(self, now_ms, why):
        self._forget()
        if self._client is not None:
            self._client.lost(now_ms, why)
            self._client = None

    def _upgrade(self, now_ms):
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = self._rest[:end].split(b"\r\n")
        self._rest = self._rest[end + 4:]
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        method, path = lines[0].split(b" ")[:2]
        if method != b"GET" or fields.get(b"upgrade") != b"websocket" or fields.get(b"sec-websocket-version") != b"13":
            return self._refuse(b"400 Bad Request")
        if path != self._proxy.path:
            return self._refuse(b"404 Not Found")
        if not self._proxy.server.running():
            return self._refuse(b"502 Bad Gateway")
        accept = b2a_base64(sha1(fields[b"sec-websocket-key"] + _GUID).digest()).strip()
        self._peer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
                         b"\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
        self._client = self._proxy.server.broker.attach(self, now_ms)
        return True

    def _refuse(self, status):
        self._peer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
        self._end()
        return False

    def _next(self):
        """(opcode, payload) of the next frame, None when it is not complete."""
        data = self._rest
        if len(data) < 6:
            return None
        n, at = data[1] & 127, 2
        if n == 126:
            n, at = data[2] << 8 | data[3], 4
        if len(data) < at + 4 + n:
            return None
        if not data[1] & 0x80 or data[0] & 0x70 or n == 127:
            self._close(1002)       # a client that does not mask
            return None
        key, payload = data[at:at + 4], data[at + 4:at + 4 + n]
        self._rest = data[at + 4 + n:]
        return data[0] & 15, bytes([payload[i] ^ key[i & 3] for i in range(n)])

    def _frame(self, op, payload, now_ms):
        if op == 2 or op == 0:
            if self._client is not None:
                self._client.feed(payload, now_ms)
        elif op == 9:
            self._peer.write(_framed(0x8A, payload))
        elif op == 10:
            self._proxy.pongs += 1
        else:
            client, self._client = self._client, None
            self._close(1000)
            if client is not None:
                client.lost(now_ms, "WebSocket closed")

    def _look(self, _):
        kernel, idle_ms = self._proxy.server.kernel, self._proxy.idle_ms
        left_ms = self._heard_at_ms + idle_ms - kernel.now_ms
        if self._open and left_ms <= 0:
            client, self._client = self._client, None
            self._end()
            if client is not None:
                client.lost(kernel.now_ms, "idle for %d ms" % idle_ms)
        elif self._open:
            kernel.after(left_ms, self._look, None)

    # -- the wire of broker_link.py ----------------------------------------------------------------------------------------

    def write(self, data):
        data = bytes(data)
        self._sent += 1
        if self._sent % PING_EVERY == 0:
            self._peer.write(_framed(0x89, b"%d" % self._sent))
        for at in range(0, max(1, len(data)), PIECE):
            final = 0x80 if at + PIECE >= len(data) else 0
            self._peer.write(_framed(final | (0 if at else 2), data[at:at + PIECE]))

    def close(self):
        self._client = None
        self._close(1001)

    def abort(self):
        self._client = None
        self._forget()
        self._peer.abort()

    def pause(self, on):
        self._peer.pause(on)

    def backlog(self):
        return self._peer.backlog()

    def _close(self, code):
        if self._open:
            self._peer.write(_framed(0x88, bytes((code >> 8, code & 255))))
            self._end()

    def _end(self):
        self._forget()
        self._peer.close()

    def _forget(self):
        self._open = False
        if self in self._proxy.links:
            self._proxy.links.remove(self)


def _framed(head, payload):
    n = len(payload)
    return bytes((head, n) if n < 126 else (head, 126, n >> 8, n & 255)) + payload
