# transport_udp.py - UDP for sessions in frames (R22): one write is one datagram. Loaded for brokers that want it.
# May import: socket, errors, transport.   Time: none.   Blocks: never.
from errno import EAGAIN
import socket

from .errors import translate
from .transport import Tcp

_LONGEST = 1472  # bytes of a datagram on Ethernet


class Udp(Tcp):
    # Nothing is sent yet: a peer that is not there shows by its silence.
    def dial(self, address):
        self._data = b""
        try:
            self.sock = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect(address)
        except OSError as e:
            raise translate(e, True)

    # Bytes put into buf, 0 when there are none now. What does not fit comes with the next call.
    def read(self, buf, opening):
        data = self._data
        if not data:
            try:
                data = self.sock.recv(_LONGEST)
            except OSError as e:
                if e.errno == EAGAIN:
                    return 0
                raise translate(e, opening)
        n = min(len(data), len(buf))
        buf[:n] = data[:n]
        self._data = data[n:]
        return n

    def write(self, data):
        try:
            return self.sock.send(data)
        except OSError as e:
            if e.errno == EAGAIN:
                return 0
            raise translate(e, False)
