"""What the tests of the serial-to-network unit share: a board with the stock firmware whose UART 1 is a port of this machine, a meter on that
port, and peers in the network. Waits are for conditions, with generous limits."""

import contextlib
import socket
import threading
import time

import paho.mqtt.client as paho
import serial

from holdfast_bench.choices import choices
from holdfast_bench.deploy import bundle, deploy
from holdfast_bench.places import flashcache
from holdfast_bench.twin.host import KEY, SSID

LIMIT_S = 150
PINS = {"tx": 17, "rx": 16}


def until(true, limit_s=LIMIT_S, what="what was waited for"):
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "not within %d s: %s" % (limit_s, what if isinstance(what, str) else what())
        time.sleep(0.02)


@contextlib.contextmanager
def node(host, name, brokers, dtu, **config):
    """A twin, deployed with the stock firmware and these settings, switched on."""
    folder = host.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    key = flashcache.key(None, choices().twin)
    cached = flashcache.restore(key, folder / "flash.bin")
    board = host.add_board(name)
    settings = {"wifi": [{"ssid": SSID, "key": KEY}], "brokers": brokers}
    over = {"id": name, "dtu": {**PINS, **dtu}, "app": {"period_ms": 0}, "metrics_s": 0, "envelope": "none", **config}
    board.power_on()
    deploy(board.port, name, bundle.make_config(settings, over), None)
    board.power_off()
    if not cached:
        flashcache.keep(key, folder / "flash.bin")
    board.uart_port(1)
    board.power_on()
    try:
        yield board
    finally:
        host.remove_board(board)


class Subscriber:
    """What arrives at a broker, in order."""

    def __init__(self, port, topic):
        self.got = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda client, data, m: self.got.append((m.topic, m.payload))
        ready = threading.Event()
        self._client.on_subscribe = lambda *args: ready.set()
        self._client.on_connect = lambda client, *args: client.subscribe(topic, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(LIMIT_S)

    def publish(self, topic, payload):
        self._client.publish(topic, payload, 1)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Peer:
    """A TCP server in the network that takes in whatever a node sends. answer: (heard, what it says to it)."""

    def __init__(self, answer=None):
        self.got = b""
        self.connections = 0
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._sock = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                self.connections += 1
                self._sock = sock
                threading.Thread(target=self._take, args=(sock,), daemon=True).start()

    def _take(self, sock):
        with contextlib.suppress(OSError):
            while data := sock.recv(4096):
                self.got += data
                for _ in range(data.count(self._answer[0]) if self._answer else 0):
                    sock.sendall(self._answer[1])

    def say(self, data):
        self._sock.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._sock:
            self._sock.close()


class Meter:
    """A device on the serial line that says "<n>;" again and again, and notes what it is told."""

    def __init__(self, path, baud=9600, pause_s=0.05):
        self.sent = 0
        self.heard = b""
        self._pause_s = pause_s
        self._port = serial.Serial(path, baud, timeout=0.05)
        self._saying = threading.Lock()
        self._talks = threading.Event()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._talk, self._listen)]
        for t in self._threads:
            t.start()

    def start(self):
        self._talks.set()

    def stop(self):
        """From its return on nothing more is said, and `sent` is final."""
        with self._saying:
            self._talks.clear()

    def _talk(self):
        while not self._ended.is_set():
            if self._talks.wait(0.1):
                with self._saying:
                    if self._talks.is_set():
                        self._port.write(b"%d;" % (self.sent + 1))
                        self.sent += 1
                self._ended.wait(self._pause_s)

    def _listen(self):
        while not self._ended.is_set():
            self.heard += self._port.read(256)

    def close(self):
        self._ended.set()
        for t in self._threads:
            t.join(5)
        self._port.close()


def numbers(data):
    """Those a meter has said, of what has arrived of it."""
    return [int(n) for n in data.split(b";")[:-1]]
