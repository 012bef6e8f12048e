# ws_client.py - run by MicroPython: ws_client.py PATHS PORT PATH WHAT. The firmware's WebSocket over real sockets.
# echo N: N messages of growing length go and come back. mqtt N: N publications to itself through a broker.
import sys

sys.path[:0] = sys.argv[1].split(":")
import select  # noqa: E402
import time  # noqa: E402

from holdfast.errors import Fault  # noqa: E402
from holdfast.transport import Tcp, resolve  # noqa: E402
from holdfast.transport_ws import WebSocket  # noqa: E402

port, path, what, count = int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
ws = WebSocket(Tcp(), {"host": "127.0.0.1", "port": port, "path": path})
ws.dial(resolve("127.0.0.1", port))
poller = select.poll()
poller.register(ws.sock, select.POLLOUT)
poller.poll(5000)
poller.modify(ws.sock, select.POLLIN)
buf = bytearray(256)
got = bytearray()


def until(wanted, limit_ms=20000):
    began = time.ticks_ms()
    while not wanted():
        if time.ticks_diff(time.ticks_ms(), began) > limit_ms:
            raise Fault("timeout", bytes(got[-40:]))
        poller.poll(50)
        n = ws.read(buf, False)
        got.extend(buf[:n])


def send(data):
    view = memoryview(data)
    at = 0
    while at < len(view):
        n = ws.write(view[at:])
        if n < 0:
            until(lambda: ws._answer is None)
        elif n == 0:
            time.sleep_ms(1)
        else:
            at += n
    while not ws.sent():
        time.sleep_ms(1)


def string(text):
    return bytes((len(text) >> 8, len(text) & 255)) + text


def packet(op, body):
    n = len(body)
    return bytes((op, n)) + body if n < 128 else bytes((op, n & 127 | 128, n >> 7)) + body


try:
    ws.read(buf, True)
    ws.secure()
    if what == "echo":
        sent = b""
        for i in range(count):
            data = bytes([(i + j) & 255 for j in range(i * 37 % 1500)])
            sent += data
            send(data)
            until(lambda: len(got) >= len(sent))
        assert bytes(got) == sent
    else:
        send(packet(0x10, string(b"MQTT") + b"\4\2\0\x1e" + string(b"ws-client")))
        until(lambda: len(got) >= 4)
        assert got[:4] == b"\x20\2\0\0", got
        send(packet(0x82, b"\0\1" + string(b"ws/echo") + b"\0"))
        until(lambda: len(got) >= 9)
        want = 9
        for i in range(count):
            message = packet(0x30, string(b"ws/echo") + bytes([65 + i % 26]) * (i * 61 % 1400))
            send(message)
            want += len(message)
        until(lambda: len(got) >= want)
        assert len(got) == want
    print("ok")
except Fault as e:
    print("fault", e.args[0], e.args[1])
