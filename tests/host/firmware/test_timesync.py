"""The clock by SNTP, on MicroPython's own sockets: right within the round trip, deaf to answers that nobody asked for."""

import socket
import struct
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from on_sockets import Program

TO_1970 = 2208988800

PROGRAM = """
import machine
def datetime(self, when=None):
    print("clock", json.dumps(when))
machine.RTC.datetime = datetime
import holdfast.timesync as timesync
timesync.resolve = lambda host, port: __import__("holdfast.transport").transport.resolve(host, %d)
node.run()
"""


class Server:
    """Answers by `answer(query, n)` -> bytes or None, n counted from 0."""

    def __init__(self, answer):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.asked = 0
        self._answer = answer
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(200)
            except OSError:
                return
            data = self._answer(query, self.asked)
            self.asked += 1
            if data:
                self.sock.sendto(data, peer)


def answer(query, seconds, fraction=0, mode=0x24, stratum=2, origin=None):
    return bytes((mode, stratum)) + bytes(22) + (query[40:48] if origin is None else origin) + bytes(8) + struct.pack(">II", seconds & 0xFFFFFFFF, fraction)


@pytest.fixture
def node(tmp_path):
    started = []

    def start(how, **settings):
        server = Server(how)
        program = Program(tmp_path, PROGRAM % server.port, {"brokers": [{"host": "127.0.0.1", "port": 1}], "ntp": "127.0.0.1", **settings}, build="written")
        started.append((server, program))
        return server, program

    yield start
    for server, program in started:
        program.close()
        server.sock.close()


def test_clock_is_set_to_what_the_server_says(node):
    _, n = node(lambda query, i: answer(query, 1767225599 + TO_1970, 0x80000000))  # 2025-12-31 23:59:59.5
    year, month, day, weekday, hour, minute, second, us = eval(n.wait("clock").split(" ", 1)[1])
    assert (year, month, day, weekday, hour, minute) == (2025, 12, 31, 2, 23, 59) and second == 59 and 500_000 <= us < 900_000


def test_time_goes_on_behind_2036(node):
    _, n = node(lambda query, i: answer(query, 2114380800 + TO_1970))  # 2037-01-01, in the next era of NTP
    assert eval(n.wait("clock").split(" ", 1)[1])[:3] == [2037, 1, 1]


def test_wrong_answers_are_not_believed_and_the_question_is_repeated(node):
    good = 1767225599 + TO_1970
    bad = [lambda q: b"", lambda q: b"junk", lambda q: answer(q, good, origin=b"\0" * 8), lambda q: answer(q, good, stratum=0), lambda q: answer(q, good, mode=0x23)]
    server, n = node(lambda query, i: bad[i](query) if i < 2 else answer(query, good))
    began = time.monotonic()
    n.wait("clock")
    assert server.asked == 3 and sum(line.startswith(("err timeout time:", "err protocol time:")) for line in n.seen) == 2
    assert 10 < time.monotonic() - began < 40


@pytest.mark.parametrize("why", ["origin", "stratum", "mode", "short"])
def test_each_wrong_answer_is_named(why):
    from holdfast.errors import Fault
    query = bytes(40) + b"12345678"
    data = {"origin": answer(query, 3976214399, origin=b"8" * 8), "stratum": answer(query, 3976214399, stratum=16),
            "mode": answer(query, 3976214399, mode=0x23), "short": answer(query, 3976214399)[:47]}[why]
    with pytest.raises(Fault):
        _judge()(query, data, 10)


def _judge():
    """judge() of timesync.py, which CPython cannot import as a whole."""
    import re
    from pathlib import Path

    from holdfast.errors import Fault
    text = (Path(__file__).resolve().parents[3] / "firmware" / "holdfast" / "timesync.py").read_text()
    body = re.search(r"^def judge.*?(?=^def )", text, re.M | re.S).group(0)
    scope = {"Fault": Fault, "_SIZE": 48, "_TO_2000": 3155673600, "_ERA": 1 << 32, "unpack_from": struct.unpack_from}
    exec(body, scope)
    return scope["judge"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 5000))
def test_arbitrary_answers_never_set_a_clock(data, round_trip_ms):
    from holdfast.errors import Fault
    with pytest.raises(Fault):
        _judge()(bytes(40) + b"\x01\x02\x03\x04\x05\x06\x07\x08", data, round_trip_ms)
