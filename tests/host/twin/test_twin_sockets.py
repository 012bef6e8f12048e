"""Datagrams and listening ports of a virtual board, against real sockets."""

import socket
import threading

import pytest
from test_twin_network import JOIN, wait_for


@pytest.fixture
def udp(host):
    """A real UDP echo that forgets what begins with x."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    heard = []

    def serve():
        while True:
            try:
                data, address = sock.recvfrom(2000)
            except OSError:
                return
            heard.append(data)
            if not data.startswith(b"x"):
                sock.sendto(data.upper(), address)

    threading.Thread(target=serve, daemon=True).start()
    host.add_host("mail", {}, {5000: sock.getsockname()})
    yield heard
    sock.close()


UDP = JOIN + "import socket, select\na = socket.getaddrinfo('mail', 5000)[0][-1]\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"


def test_datagrams_go_and_come_one_by_one(line, udp):
    assert line.run(UDP + "s.settimeout(5); print(s.sendto(b'one', a), s.recvfrom(100) == (b'ONE', a))\n"
                    "s.sendto(b'two', a); s.sendto(b'three', a); print(sorted([s.recv(2), s.recv(100)]))") in (
                        "3 True\n[b'TH', b'TWO']\n", "3 True\n[b'THREE', b'TW']\n")
    assert line.run("s.connect(a); print(s.send(b'four'), s.recv(10)); s.setblocking(False)\n"
                    "p = select.poll(); p.register(s, 5); print(p.poll(0)[0][1])\n"
                    "try: s.recv(10)\nexcept OSError as e: print(e.errno)\n"
                    "s.write(b'five'); time.sleep_ms(300); print(p.poll(0)[0][1], s.recv(10))") == "4 b'FOUR'\n4\n11\n5 b'FIVE'\n"


def test_a_datagram_that_is_not_answered_is_silence(line, udp):
    assert line.run(UDP + "s.settimeout(0.3); s.sendto(b'x', a)\ntry: s.recv(1)\nexcept OSError as e: print(e.errno)\n"
                    "s.sendto(b'y', ('10.73.0.99', 1))\ntry: s.recv(1)\nexcept OSError as e: print(e.errno)") == "116\n116\n"
    assert line.run("w.disconnect(); time.sleep_ms(200)\ntry: s.sendto(b'x', a)\nexcept OSError as e: print(e.errno)") == "118\n"


def test_a_blackhole_swallows_datagrams(board, line, udp):
    line.run(UDP + "s.settimeout(0.5)")
    board.network.set_mode("blackhole")
    assert line.run("s.sendto(b'lost', a)\ntry: s.recv(9)\nexcept OSError as e: print(e.errno)") == "116\n"
    board.network.set_mode("pass")
    assert line.run("s.sendto(b'back', a); print(s.recv(9))") == "b'BACK'\n"
    assert b"lost" not in udp


LISTEN = JOIN + ("import socket, select\nl = socket.socket(); l.setsockopt(4095, socket.SO_REUSEADDR, 1); l.bind(('', 502)); l.listen(1)\n"
                 "p = select.poll(); p.register(l, 1); print(p.poll(0))")


def test_a_board_listens_and_is_connected_to(host, board, line):
    assert line.run(LISTEN) == "[]\n"
    with socket.create_connection(host.forward(board, 502)) as client:
        assert line.run("print(p.poll(3000)[0][1]); c, who = l.accept(); print(who[0][:6]); c.settimeout(5)") == "1\n10.73.\n"
        client.sendall(b"question")
        assert line.run("print(c.recv(100)); c.write(b'answer'); c.close()") == "b'question'\n"
        client.settimeout(5)
        assert client.recv(100) == b"answer" and client.recv(100) == b""


def test_a_port_that_nobody_listens_at_refuses(host, board, line):
    line.run(JOIN)
    with pytest.raises(OSError):
        with socket.create_connection(host.forward(board, 81), timeout=5) as client:
            client.settimeout(5)
            if client.recv(1) == b"":
                raise ConnectionResetError


def test_beyond_the_backlog_nobody_is_let_in_until_there_is_room(host, board, line):
    line.run(LISTEN)
    at = host.forward(board, 502)
    first, second = socket.create_connection(at), socket.create_connection(at)
    with first, second:
        assert line.run("p.poll(3000); a1, _ = l.accept(); a1.settimeout(5); print(len(p.poll(5000))); a2, _ = l.accept(); a2.settimeout(5)") == "1\n"
        first.sendall(b"1")
        second.sendall(b"2")
        assert line.run("print(sorted([a1.recv(1), a2.recv(1)]))") == "[b'1', b'2']\n"


def test_a_reset_of_the_chip_ends_what_it_listened_at(host, board, line):
    line.run(LISTEN)
    at = host.forward(board, 502)
    with socket.create_connection(at) as client:
        line.run("p.poll(3000); c, _ = l.accept()")
        board.en_reset()
        board.wait_running()
        client.settimeout(20)
        line.enter() if hasattr(line, "enter") else None
    wait_for(lambda: not board.silicon.stack.listeners)
