"""What the tests of virtual boards share: the events they hear, and a raw-REPL client in plain pyserial."""

import time

import pytest
import serial

from holdfast_bench.choices import choices

LIMIT_S = 40    # twins run in real time, and the machine may hold its breath


class Heard(list):
    """The events of all boards, with what tests ask of them."""

    def __call__(self, src, ev, **fields):
        self.append(dict(fields, src=src, ev=ev))

    def of(self, ev, start=0):
        return [e for e in self[start:] if e["ev"] == ev]

    def wait(self, ev, start=0, limit_s=LIMIT_S, **fields):
        """The first such event from index `start` on."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            for e in self.of(ev, start):
                if all(e.get(k) == v for k, v in fields.items()):
                    return e
            time.sleep(0.01)
        raise AssertionError("no event %s %r in %s s, only %r" % (ev, fields, limit_s, self[start:]))


class Line:
    """One serial line: reads until a text is there, runs code by raw REPL."""

    def __init__(self, port):
        self.serial = serial.Serial(port, 115200, timeout=0.05)
        self.seen = b""

    def read_until(self, text, limit_s=LIMIT_S):
        end = time.monotonic() + limit_s
        while text not in self.seen:
            if time.monotonic() > end:
                raise AssertionError("waited %s s for %r, read only %r" % (limit_s, text, self.seen[-2000:]))
            self.seen += self.serial.read(4096)
        at = self.seen.index(text) + len(text)
        found, self.seen = self.seen[:at], self.seen[at:]
        return found

    def read_rest(self):
        """Whatever has come until the line is quiet."""
        rest, self.seen = self.seen, b""
        while data := self.serial.read(4096):
            rest += data
        return rest

    def write(self, data):
        self.serial.write(data)

    def run(self, code, limit_s=LIMIT_S):
        """stdout of code run in raw mode; raises AssertionError with its traceback."""
        self.start(code)
        out = self.read_until(b"\x04", limit_s)[:-1]
        error = self.read_until(b"\x04", 5)[:-1]
        assert not error, error.decode()
        return out.decode().replace("\r\n", "\n")

    def start(self, code):
        """Begin running code and do not wait for it. By raw-paste, whose flow control keeps long code whole on a busy machine."""
        self.write(b"\r\x03\x03\x01")
        self.read_until(b"raw REPL; CTRL-B to exit\r\n>")
        self.write(b"\x05A\x01")
        granted = window = int.from_bytes(self.read_until(b"R\x01") and self._read_exactly(2), "little")
        data = code.encode()
        while data:
            if granted == 0:
                assert self._read_exactly(1) == b"\x01", "the board does not take the code"
                granted = window
            piece, data = data[:granted], data[granted:]
            self.write(piece)
            granted -= len(piece)
        self.write(b"\x04")
        self.read_until(b"\x04")

    def _read_exactly(self, n, limit_s=LIMIT_S):
        end = time.monotonic() + limit_s
        while len(self.seen) < n:
            assert time.monotonic() < end, "waited %s s for %d bytes" % (limit_s, n)
            self.seen += self.serial.read(n - len(self.seen))
        found, self.seen = self.seen[:n], self.seen[n:]
        return found

    def close(self):
        self.serial.close()


def interpreters():
    found = choices()
    return [pytest.param(i, id="%d bit" % i.bits) for i in (found.micropython, found.micropython32) if i]
