"""The stream layer that MicroPython puts before a port's single reads and writes (py/stream.c): read, readinto, readline, write.

Knows no TCP. May use: console, for what write() takes as a buffer.
"""

import io

from ..world import lwip
from .console import part

FOREVER = -1


class Stream(io.IOBase):
    """What is the port's comes from the subclass:

    _receive(buf)       one read: bytes got, 0 at the end; raises OSError
    _push(view)         one write: bytes taken, 0 when it waited in vain; raises OSError
    _nothing_more()     whether one more _receive() would only say EAGAIN
    _retries            how often a write that got nowhere is tried again, or FOREVER
    _nonblocking        whether reads do not wait
    """

    def readinto(self, buf, n=None):
        view = memoryview(buf)
        if n is not None:
            view = view[:n]
        done = 0
        while done < len(view):
            try:
                got = self._receive(view[done:])
            except OSError as e:
                if e.errno == lwip.EAGAIN:
                    return done or None
                raise e
            if got == 0:
                break
            done += got
            if self._nonblocking and done < len(view) and self._nothing_more():
                break
        return done

    def read(self, n=-1):
        if n < 0:
            return self._read_all()
        buf = bytearray(n)
        # A time-out here loses what was read before it, as in the port's stream layer.
        got = self.readinto(buf)
        return None if got is None else bytes(memoryview(buf)[:got])

    def _read_all(self):
        data = bytearray()
        buf = bytearray(256)
        while True:
            try:
                got = self._receive(buf)
            except OSError as e:
                if e.errno == lwip.EAGAIN:
                    return bytes(data) if data else None
                raise e
            if got == 0:
                return bytes(data)
            data.extend(memoryview(buf)[:got])

    def readline(self, n=-1):
        line = bytearray()
        one = bytearray(1)
        while len(line) != n:
            try:
                got = self._receive(one)
            except OSError as e:
                if e.errno == lwip.EAGAIN:
                    return bytes(line) if line else None
                raise e
            if got == 0:
                break
            line.extend(one)
            if one[0] == 10:
                break
        return bytes(line)

    def write(self, buf, *limits):
        view = memoryview(part(buf, limits) if limits or isinstance(buf, str) else buf)
        done = 0
        tries = 0
        while done < len(view):
            n = self._push(view[done:])
            if n:
                done += n
                tries = 0
                continue
            tries += 1
            if self._retries != FOREVER and tries > self._retries:
                if self._retries == 0:
                    return done or None
                raise OSError(lwip.ETIMEDOUT)
        return done
