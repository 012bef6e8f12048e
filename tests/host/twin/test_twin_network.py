"""Wi-Fi and TCP of a virtual board against real sockets."""

import socket
import threading
import time

import pytest

JOIN = ("import network, time\nw = network.WLAN(); w.active(True)\nif not w.isconnected(): w.connect('holdfast', 'holdfast-key')\n"
        "while not w.isconnected(): time.sleep_ms(20)\n")


class Echo:
    """A real server that remembers what happened to its connections."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.accepted, self.ended = [], []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.server.accept()
            except OSError:
                return
            self.accepted.append(conn)
            threading.Thread(target=self._echo, args=(conn,), daemon=True).start()

    def _echo(self, conn):
        try:
            while data := conn.recv(4096):
                conn.sendall(data)
            self.ended.append("fin")
            conn.close()
        except OSError as e:
            self.ended.append(type(e).__name__)


@pytest.fixture(scope="module")
def echo(host):
    server = Echo()
    host.add_host("echo", {7: ("127.0.0.1", server.port), 9: ("127.0.0.1", 1)})
    yield server
    server.server.close()


def wait_for(what, limit_s=5):
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, "waited %s s" % limit_s
        time.sleep(0.02)


def test_join_names_and_echo(line, echo):
    assert line.run(JOIN + "import socket; print(w.status(), w.ifconfig()[0][:6], socket.getaddrinfo('echo', 7)[0][-1][1])") == "1010 10.73. 7\n"
    assert line.run("s = socket.socket(); s.connect(('echo', 7)); s.write(b'hello'); print(s.recv(100))\n"
                    "s.close()") == "b'hello'\n"
    wait_for(lambda: "fin" in echo.ended)


def test_refused_closed_and_reset_look_as_on_the_chip(line, echo):
    out = line.run(JOIN + """
import socket, select
def err(f, *a):
    try: return f(*a)
    except OSError as e: return e.errno
s = socket.socket(); print(err(s.connect, ('echo', 9)), err(s.write, b'x'), err(s.recv, 1), err(s.connect, ('echo', 9)))
s = socket.socket(); s.connect(('echo', 7)); s.write(b'x'); s.recv(1)
""")
    assert out == "104 128 104 128\n"
    conn = echo.accepted[-1]
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    conn.shutdown(socket.SHUT_RD)
    wait_for(lambda: "fin" in echo.ended)
    assert line.run("time.sleep_ms(300); p = select.poll(); p.register(s, 21); print(p.poll(0)[0][1] in (5, 21))") == "True\n"


def test_a_fragmented_heap_loses_nothing_of_the_world(line, echo):
    """What radio, lwIP and RTC domain do needs no room in one piece on the firmware's heap."""
    out = line.run(JOIN + """
import socket, gc, machine
s = socket.socket(); s.connect(('echo', 7))
buf = bytearray(64)
kept = []
try:
    while True: kept.append(bytearray(700))
except MemoryError: pass
for i in range(0, len(kept), 2): kept[i] = None
try: print('in one piece', len(bytearray(3000)))
except MemoryError: print('scattered')
s.settimeout(5)
n = 0
for i in range(8):
    s.write(b'0123456789abcdef' * 40)
    got = 0
    while got < 640: got += s.readinto(buf)
    n += got
print(n, bytes(buf[-16:]), w.status('rssi') < 0)
kept = None
""")
    assert out == "scattered\n5120 b'0123456789abcdef' True\n"


def test_ten_sockets(line):
    assert line.run("import socket\nl = [socket.socket() for i in range(10)]\ntry: socket.socket()\nexcept OSError as e: print(e.errno)\n"
                    "l = None\nl = [socket.socket() for i in range(3)]\nprint('again')") == "23\nagain\n"


def test_a_reset_chip_leaves_the_server_half_open_until_it_answers_again(board, line, echo, heard):
    line.run(JOIN + "import socket; s = socket.socket(); s.connect(('echo', 7)); s.write(b'x'); print(s.recv(1))")
    n, ended = len(heard), len(echo.ended)
    conn = echo.accepted[-1]
    board.panic()
    heard.wait("boot", n)
    time.sleep(0.3)
    assert len(echo.ended) == ended, "the server was told of a death it cannot know of"
    conn.sendall(b"anybody there?")
    time.sleep(0.3)
    assert len(echo.ended) == ended
    from twin_line import Line
    again = Line(board.port)
    again.run(JOIN)
    conn.sendall(b"now?")
    wait_for(lambda: len(echo.ended) > ended)
    again.close()
    assert echo.ended[-1] in ("ConnectionResetError", "BrokenPipeError")


def test_lost_access_point_aborts_connections_when_it_is_noticed(board, line, echo, heard):
    line.run(JOIN + "import socket; s = socket.socket(); s.connect(('echo', 7)); w.config(reconnects=0)")
    board.access_point.deauth()
    out = line.run("try: s.recv(1)\nexcept OSError as e: print(e.errno)\n"
                   "try: s.write(b'x')\nexcept OSError as e: print(e.errno)\nprint(w.isconnected(), w.ifconfig()[0])")
    assert out == "113\n113\nFalse 0.0.0.0\n" or out == "113\n128\nFalse 0.0.0.0\n"


def test_blackhole_fills_the_send_buffer_and_data_flows_again_afterwards(board, line, echo):
    line.run(JOIN + "import socket, select; s = socket.socket(); s.connect(('echo', 7)); s.setblocking(False)")
    board.network.set_mode("blackhole")
    assert line.run("n = 0\nwhile True:\n  k = s.write(b'x' * 1000)\n  if k is None: break\n  n += k\n"
                    "p = select.poll(); p.register(s, 5); print(n, p.poll(0))") == "5760 []\n"
    assert board.network.evidence("blackhole")
    board.network.set_mode("pass")
    out = line.run("p.modify(s, 1); t = time.ticks_ms(); got = 0\nwhile got < 5760:\n  got += len(s.recv(6000) or b'') if p.poll(10000) else 0\n"
                   "print(got, 500 < time.ticks_diff(time.ticks_ms(), t))", 20)
    assert out == "5760 True\n"


def test_forgotten_flows_are_dead_and_new_ones_work(board, line, echo):
    line.run(JOIN + "import socket; s = socket.socket(); s.connect(('echo', 7)); s.settimeout(1)")
    board.network.forget_flows()
    assert line.run("s.write(b'x')\ntry: s.recv(1)\nexcept OSError as e: print(e.errno)\n"
                    "s2 = socket.socket(); s2.connect(('echo', 7)); s2.write(b'y'); print(s2.recv(1))") == "116\nb'y'\n"
    assert board.network.evidence("forgotten")


def test_refusing_network(board, line, echo):
    line.run(JOIN + "import socket; s = socket.socket(); s.connect(('echo', 7))")
    board.network.set_mode("refuse")
    assert line.run("""
for f in (lambda: s.recv(1), lambda: socket.socket().connect(('echo', 7))):
    try: print(f())
    except OSError as e: print(e.errno)
""") == "104\n104\n"
    board.network.set_mode("pass")
    assert line.run("s = socket.socket(); s.connect(('echo', 7)); s.write(b'z'); print(s.recv(1))") == "b'z'\n"


def test_dead_name_server_blocks_for_seven_seconds(board, line):
    line.run(JOIN)
    board.dns.mode = "silent"
    out = line.run("import socket\nt = time.ticks_ms()\ntry: socket.getaddrinfo('nowhere', 1)\nexcept OSError as e: print(e.errno)\n"
                   "print(time.ticks_diff(time.ticks_ms(), t) // 100)", 15)
    assert out in ("-202\n70\n", "-202\n69\n", "-202\n71\n")
    board.dns.mode = "ok"
