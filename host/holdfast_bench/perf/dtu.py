"""The serial-to-network unit at full speed: a twin with the stock firmware, a device that never stops talking at 115 200 baud, a broker on this machine.

Bytes are counted at the broker and compared with those of the device: what does not arrive, or arrives out of order, is a figure of its own.
Real time; on a machine that is busy otherwise the figures are worse than the node's.
"""

import contextlib
import os
import select
import statistics
import threading
import time
import tty
from pathlib import Path

import paho.mqtt.client as paho

from ..choices import choices
from ..deploy import bundle, deploy
from ..drivers.broker_builtin import BuiltinBroker
from ..places import flashcache
from ..twin import TwinHost
from ..twin.host import KEY, SSID
from .figures import Figure
from .machinery import _children

BAUD = 115_200
TALK_S = 20
LIMIT_S = 120
SINGLE = 30             # packets whose way is timed, one at a time
SINGLE_BYTES = 32
IDLE_MS = 5             # silence that ends a packet
LINE = 64               # bytes of a line of the endless talk, numbered


def measure(said):
    said("serial line at %d baud" % BAUD)
    try:
        with contextlib.ExitStack() as stack:
            return _measured(stack)
    except TimeoutError as e:
        how = "not measured: %s" % e
        return [Figure(name, None, how) for name in ("dtu_bytes_per_s", "dtu_lost_bytes", "dtu_latency_ms")]


class _Up:
    """What has arrived of the line at the broker."""

    def __init__(self, port):
        self.data, self.last_at = bytearray(), 0.0
        self._changed = threading.Condition()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._took
        self._client.on_connect = lambda client, *args: client.subscribe("holdfast/perf/dtu/up", 0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.close = self._client.loop_stop

    def _took(self, client, userdata, message):
        with self._changed:
            self.data += message.payload
            self.last_at = time.monotonic()
            self._changed.notify_all()

    def wait(self, n, limit_s, what):
        """Until n bytes are there; -> when the last one came."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.data) >= n, limit_s):
                raise TimeoutError("%s within %d s (%d of %d bytes)" % (what, limit_s, len(self.data), n))
            return self.last_at


def _measured(stack):
    broker = BuiltinBroker(host="127.0.0.1", port=0)
    broker.start()
    stack.callback(broker.close)
    host = stack.enter_context(TwinHost())
    ip = host.add_host("mqtt.test", {1883: ("127.0.0.1", broker.port)})
    folder = host.folder / "perf"
    folder.mkdir(parents=True, exist_ok=True)
    flashcache.restore(flashcache.key(None, choices().twin), folder / "flash.bin")
    board = host.add_board("perf")
    board.power_on()
    deploy(board.port, "perf", bundle.make_config({"wifi": [{"ssid": SSID, "key": KEY}], "brokers": [{"host": ip}]}, {
        "id": "perf", "app": {"period_ms": 0}, "metrics_s": 0, "envelope": "none", "console": False,
        "dtu": {"tx": 17, "rx": 16, "baud": BAUD, "idle_ms": IDLE_MS, "longest": 512, "rx_bytes": 8192}}))
    board.power_off()
    path = board.uart_port(1)
    up = _Up(broker.port)
    stack.callback(up.close)
    board.power_on()
    line = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    stack.callback(os.close, line)
    tty.setraw(line)
    _wake(line, up)
    latency = _latency(line, up)
    before = _processor_s()
    rate, lost = _talk(line, up)
    busy = _processor_s() - before
    interpreter = "%d-bit interpreter, ESP32's heap" % choices().twin.bits
    return [Figure("dtu_bytes_per_s", rate, "%d s of talk over MQTT, QoS 1, from the first to the last byte at the broker; %s; the node's process took %.1f s of processor time for %d KB"
                   % (TALK_S, interpreter, busy, TALK_S * BAUD // 10240)),
            Figure("dtu_lost_bytes", lost, "of the same"),
            Figure("dtu_latency_ms", latency, "packets of %d bytes: last byte on the line to its message at the broker, median of %d, without the %d ms of silence that end a packet"
                   % (SINGLE_BYTES, SINGLE, IDLE_MS))]


def _processor_s():
    """Processor time of the board's process so far."""
    spent = 0
    for pid in _children():
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
            spent += int(fields[11]) + int(fields[12])
    return spent / os.sysconf("SC_CLK_TCK")


def _write(line, data):
    while data:
        select.select([], [line], [], 1)
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(line, data):]


def _wake(line, up):
    """Until the node carries what the line says."""
    deadline = time.monotonic() + LIMIT_S
    while not up.data:
        if time.monotonic() > deadline:
            raise TimeoutError("nothing of the line within %d s" % LIMIT_S)
        _write(line, b"?")
        time.sleep(0.5)
    time.sleep(1)


def _latency(line, up):
    took = []
    for n in range(SINGLE):
        at = len(up.data)
        _write(line, bytes((97 + n % 26,)) * SINGLE_BYTES)
        began = time.monotonic() + SINGLE_BYTES * 10 / BAUD    # until then the line is busy with it
        took.append((up.wait(at + SINGLE_BYTES, LIMIT_S, "a packet at the broker") - began) * 1000 - IDLE_MS)
        time.sleep(0.1)
    return round(statistics.median(took), 1)


def _talk(line, up):
    """(bytes a second, bytes that are missing or out of place) of an endless talk."""
    start, n, sent = len(up.data), 0, []
    began = time.monotonic()
    while time.monotonic() - began < TALK_S:
        ahead_s = n * LINE * 10 / BAUD - (time.monotonic() - began)
        if ahead_s > 0:     # a device does not talk faster than its line
            time.sleep(ahead_s)
        piece = (b"%09d " % n).ljust(LINE - 1, b".") + b"\n"
        _write(line, piece)
        sent.append(piece)
        n += 1
    whole = b"".join(sent)
    with contextlib.suppress(TimeoutError):
        up.wait(start + len(whole), LIMIT_S, "the whole talk")
    got = bytes(up.data[start:])
    there = set(got.split(b"\n"))
    lost = sum(len(piece) for piece in sent if piece[:-1] not in there)
    if not lost and got != whole:
        lost = abs(len(got) - len(whole)) or 1      # all of it, and in another order or twice
    return round(len(got) / (up.last_at - began)), lost
