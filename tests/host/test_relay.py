"""The relay between a real board and the broker: passes, keeps back, forgets, resets, refuses – and shows that it did (R49)."""

import contextlib
import socket
import threading

import pytest

from holdfast_bench.drivers.relay import Relay
from holdfast_bench.errors import BenchError

LIMIT_S = 15


class Echo:
    """A broker's stand-in: answers every byte with itself, tells what it got."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address, self.got, self.ended = self.listener.getsockname(), b"", threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            with contextlib.suppress(OSError):
                peer, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(peer,), daemon=True).start()
                continue
            return

    def _answer(self, peer):
        with contextlib.suppress(OSError), peer:
            while data := peer.recv(4096):
                self.got += data
                peer.sendall(data)
        self.ended.set()


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.listener.close()


@pytest.fixture
def relay(echo):
    relay = Relay(echo.address, "127.0.0.1", 0).start()
    yield relay
    relay.close()


@pytest.fixture
def board(relay):
    with dial(relay) as s:
        assert say(s, b"hello") == b"hello"
        yield s


def dial(relay):
    s = socket.create_connection(("127.0.0.1", relay.port), LIMIT_S)
    s.settimeout(LIMIT_S)
    return s


def say(s, data):
    s.sendall(data)
    got = b""
    while len(got) < len(data):
        more = s.recv(4096)
        assert more, "closed"
        got += more
    return got


def is_silent(s):
    s.settimeout(0.3)
    try:
        return not s.recv(1) and False
    except TimeoutError:
        return True
    finally:
        s.settimeout(LIMIT_S)


def test_everything_passes_in_both_directions(relay, board, echo):
    text = bytes(range(256)) * 2000
    threading.Thread(target=board.sendall, args=(text,), daemon=True).start()
    got = b""
    while len(got) < len(text):
        got += board.recv(65536)
    assert got == text


def test_the_end_of_a_connection_passes(relay, board, echo):
    board.shutdown(socket.SHUT_WR)
    assert board.recv(10) == b"" and echo.ended.wait(LIMIT_S)


def test_a_blackhole_keeps_back_and_passes_on_when_it_ends(relay, board):
    relay.set_mode("blackhole")
    assert relay.evidence("blackhole") is None
    board.sendall(b"lost?")
    assert is_silent(board)
    assert relay.evidence("blackhole") == "5 bytes kept back"
    relay.set_mode("pass")
    assert board.recv(10) == b"lost?" and relay.evidence("blackhole") is None


def test_a_connection_made_in_a_blackhole_goes_nowhere_until_it_ends(relay, echo):
    relay.set_mode("blackhole")
    with dial(relay) as s:
        s.sendall(b"x")
        assert is_silent(s) and echo.got == b""
        relay.set_mode("pass")
        assert s.recv(1) == b"x"


def test_refusing_resets_what_stands_and_refuses_what_comes(relay, board):
    assert relay.evidence("refuse") is None
    relay.set_mode("refuse")
    with pytest.raises(ConnectionResetError):
        board.recv(1)
    with pytest.raises(ConnectionRefusedError):
        dial(relay)
    assert relay.evidence("refuse") == "port %d refuses, 1 connections were reset" % relay.port
    relay.set_mode("pass")
    with dial(relay) as s:
        assert say(s, b"again") == b"again"


def test_forgotten_connections_are_dead_without_a_sign_and_new_ones_work(relay, board, echo):
    assert relay.evidence("forgotten") is None
    relay.forget_flows()
    assert relay.evidence("forgotten") == "1 connections forgotten"
    board.sendall(b"nobody hears")
    assert is_silent(board) and b"nobody" not in echo.got
    with dial(relay) as s:
        assert say(s, b"new") == b"new"


def test_resetting_hits_what_stands_once(relay, board, echo):
    assert relay.reset_flows() == 1
    with pytest.raises(ConnectionResetError):
        board.recv(1)
    assert echo.ended.wait(LIMIT_S) and relay.reset_flows() == 0
    with dial(relay) as s:
        assert say(s, b"new") == b"new"


def test_a_broker_that_is_not_there_looks_like_one_that_resets():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = nobody.getsockname()
    with contextlib.closing(Relay(address, "127.0.0.1", 0).start()) as relay, pytest.raises(ConnectionResetError), dial(relay) as s:
        s.recv(1)


def test_nobody_gets_in_while_it_is_shut(relay):
    relay.keep_out(True)
    with pytest.raises(ConnectionResetError), dial(relay) as s:
        s.recv(1)
    relay.keep_out(False)
    with dial(relay) as s:
        assert say(s, b"in") == b"in"


def test_a_port_that_is_taken_says_where_to_choose_another(echo):
    with pytest.raises(BenchError, match=r"port \d+, where boards are to find the broker, .* `broker.port` in the board file"):
        Relay(("127.0.0.1", 1), *echo.address).start()
