# transport.py - TCP, stepped: nothing here waits for the network but resolve(), which the port can only do blocking.
# May import: socket, errors.   Time: none.   Blocks: resolve() for up to 7 s per DNS server when none answers.
#
# Contract of a transport (R43): dial() begins, poll `sock` until it takes bytes; then read() with opening=True raises when that failed, and
# secure() begins what the transport itself has to negotiate. read() and write() return 0 for "nothing now, poll and ask again", write() -1
# for "not before something has come"; they raise Fault when it is over. sent() sends what write() has taken and could not send; False: that waits for room. close() may be called at any time.
import errno as codes  # as in errors.py
import socket

from .errors import Fault, translate


# Address of a host for dial(): what connect() takes. A numeric host costs no query. Raises Fault: dns.
def resolve(host, port):
    try:
        return socket.getaddrinfo(host, port)[0][-1]
    except (OSError, IndexError) as e:
        raise Fault("dns", "%s: %r" % (host, e))


source = None  # where there are several paths: address of the one in use, whose interface the sockets then take


class Tcp:
    sock = None

    # Raises Fault at once when there is no path or no memory.
    def dial(self, address):
        try:
            self.sock = sock = socket.socket()
            sock.setblocking(False)
            try:
                sock.setsockopt(6, 1, 1)  # TCP_NODELAY: from 1.23 on; earlier ports print a warning
            except OSError:
                pass
            if source:
                sock.bind((source, 0))
            sock.connect(address)
        except OSError as e:
            if e.errno != codes.EINPROGRESS and e.errno != codes.EAGAIN:
                raise translate(e, True)

    def secure(self):
        pass

    def sent(self):
        return True

    # Bytes put into buf, 0 when there are none now. opening: nothing has come back yet.
    def read(self, buf, opening):
        try:
            n = self.sock.readinto(buf)
        except OSError as e:
            raise translate(e, opening)
        if n == 0:
            raise Fault("closed", "hung up")
        return n or 0

    # Bytes taken of data, 0 when there is no room now.
    def write(self, data):
        try:
            return self.sock.write(data) or 0
        except OSError as e:
            raise translate(e, False)

    def close(self):
        if self.sock:
            self.sock.close()
            self.sock = None
