"""The byte stream from and to the broker, between the operating system's socket and paho: takes the PUBLISH packets out, of which nearly all the traffic is.

Knows MQTT's packet framing (sections 2.1, 3.3 of both versions) and nothing of sessions.
"""

import ssl

CHUNK = 1 << 16             # bytes read, or written, at one time
PACKET_MAX = 64 << 20       # bytes; MQTT allows 256 MB


class Stream:
    """The socket as paho sees it. PUBLISH packets are taken out of the stream before paho reads it, and PUBACKs are written beside it: these two are
    nearly all of the traffic, and paho takes ten times as long for them. Everything else – CONNECT, SUBSCRIBE, pings, TLS – is paho's."""

    def __init__(self, sock):
        self._sock = sock
        self._data, self._at = b"", 0
        self._more, self._missing = [], 0   # chunks behind _data, kept apart until the packet that has begun there is complete
        self._visible = 0           # paho may read up to here: the end of a complete packet that is no PUBLISH
        self._out = bytearray()
        self.ended = False          # the peer has closed, or the connection broke

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def fileno(self):
        return self._sock.fileno()

    def fill(self):
        """Reads what has come. False when that was nothing."""
        try:
            chunk = self._sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self.ended = True
            return False
        self._more.append(chunk)
        self._missing -= len(chunk)
        if self._missing <= 0:      # a packet of megabytes is put together once, not once a chunk
            if self._at < len(self._data):
                self._more.insert(0, self._data[self._at:])
            self._data = self._more[0] if len(self._more) == 1 else b"".join(self._more)
            self._at = self._visible = self._missing = 0
            self._more.clear()
        return True

    def packets(self, properties, received):
        """Hands the complete PUBLISH packets at hand to received(topic, payload, qos, retain, dup, mid). properties: whether they carry those of MQTT 5.
        True when it stopped at a complete packet of another kind, which paho may read now. Raises OSError for what is no MQTT."""
        if self._more:
            return False
        data, at, end = self._data, self._at, len(self._data)
        try:
            while end - at >= 2:
                first, size, head = data[at], data[at + 1], at + 2
                if size & 128:
                    size, shift = size & 127, 7
                    while head < end:
                        byte = data[head]
                        head += 1
                        size |= (byte & 127) << shift
                        shift += 7
                        if not byte & 128:
                            break
                        if shift > 21:
                            raise OSError("the broker sends no MQTT")
                    else:
                        return False
                if size > PACKET_MAX:
                    raise OSError("the broker sends a packet of %d bytes" % size)
                stop = head + size
                if stop > end:
                    self._missing = stop - end
                    return False
                if first & 0xF0 != 0x30:
                    self._visible = stop
                    return True
                qos = first >> 1 & 3
                n = data[head] << 8 | data[head + 1]
                topic = data[head + 2 : head + 2 + n]
                head += 2 + n
                mid = 0
                if qos:
                    mid = data[head] << 8 | data[head + 1]
                    head += 2
                if properties:
                    n = data[head]
                    head += 1 + (n if n < 128 else self._skip(data, head))
                if head > stop or qos == 3:
                    raise OSError("the broker sends a malformed PUBLISH")
                at = stop
                received(topic, data[head:stop], qos, first & 1, first >> 3 & 1, mid)
        except IndexError:
            raise OSError("the broker sends a malformed PUBLISH") from None
        finally:
            self._at = at
        return False

    @staticmethod
    def _skip(data, at):
        """Bytes behind the first one of a property section: the rest of its length, and itself."""
        size = shift = more = 0
        while True:
            byte = data[at + more]
            size |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return more + size
            more += 1

    def recv(self, n):
        at = self._at
        if at >= self._visible:
            if self.ended:
                return b""
            raise BlockingIOError
        self._at = min(at + n, self._visible)
        return self._data[at : self._at]

    def send(self, data):
        self._out += data
        if len(self._out) >= CHUNK:
            self.flush()
        return len(data)

    def unsent(self):
        return len(self._out)

    def decrypted(self):
        """Whether there is something to read of which the operating system knows nothing any more."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def flush(self):
        """Writes what can be written now."""
        while self._out:
            try:
                n = self._sock.send(bytes(self._out[:CHUNK]))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                self.ended = True
                self._out.clear()
                return
            del self._out[:n]

    def close(self):
        self.flush()    # DISCONNECT
        self._sock.close()
