"""The firmware's WebSocket (R22) against mosquitto's listener and against the library `websockets`, over real sockets."""

import asyncio
import contextlib
import os
import subprocess
import threading
from pathlib import Path

import pytest

from holdfast_bench.choices import ROOT, choices
from holdfast_bench.drivers.broker_mosquitto import find_mosquitto
from holdfast_bench.places.brokers import start_broker

websockets = pytest.importorskip("websockets.asyncio.server")
CLIENT = Path(__file__).with_name("ws_client.py")
INTERPRETERS = [pytest.param("micropython", id="64bit"), pytest.param("micropython32", id="32bit")]


@pytest.fixture(params=INTERPRETERS)
def client(request):
    found = getattr(choices(), request.param)
    if not found:
        pytest.skip("there is no 32-bit interpreter here")

    def run(port, path, what, count):
        paths = "%s:%s" % (ROOT / "firmware", choices().umqtt)
        done = subprocess.run([*found.command, str(CLIENT), paths, str(port), path, what, str(count)], capture_output=True, text=True, timeout=60)
        return done.stdout.strip() or done.stderr.strip()
    return run


class Server:
    """A server of the library, in a thread: handler(ws) for each connection."""

    def __init__(self, handler, **options):
        self._handler, self._options = handler, options

    def __enter__(self):
        ready = threading.Event()

        async def serve():
            self._end = asyncio.Event()
            async with websockets.serve(self._handler, "127.0.0.1", 0, subprotocols=["mqtt"], **self._options) as server:
                self.port = server.sockets[0].getsockname()[1]
                ready.set()
                await self._end.wait()

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(serve()), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *exc):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)


async def echo(ws):
    async for data in ws:
        await ws.send(data)


async def echo_in_shreds(ws):
    """Each message in fragments of odd sizes, with pings in between, each of which has to be answered."""
    async for data in ws:
        pong = await ws.ping(os.urandom(len(data) % 126))

        def pieces():
            at = 0
            while at < len(data):
                n = 1 + (at * 7 + len(data)) % 131
                yield data[at:at + n]
                at += n

        await ws.send(list(pieces()) or [b""])
        await asyncio.wait_for(pong, 10)


def test_every_length_goes_and_comes_back(client):
    with Server(echo, compression=None) as server:
        assert client(server.port, "/mqtt", "echo", 60) == "ok"


def test_fragments_and_pings_in_between(client):
    with Server(echo_in_shreds, compression=None) as server:
        assert client(server.port, "/mqtt", "echo", 40) == "ok"


def test_the_subprotocol_is_the_one_of_mqtt(client):
    seen = []

    async def look(ws):
        seen.append((ws.request.path, ws.subprotocol, ws.request.headers["Host"]))
        await echo(ws)

    with Server(look) as server:
        assert client(server.port, "/some/path?x=1", "echo", 3) == "ok"
        assert seen == [("/some/path?x=1", "mqtt", "127.0.0.1:%d" % server.port)]


@pytest.mark.parametrize("status, kind", [(401, "auth"), (403, "auth"), (404, "rejected"), (502, "refused"), (500, "protocol")])
def test_a_proxy_that_says_no(client, status, kind):
    with Server(echo, process_request=lambda ws, request: ws.respond(status, "no\n")) as server:
        assert client(server.port, "/mqtt", "echo", 2).startswith("fault %s WebSocket: HTTP %d" % (kind, status))


def test_a_server_that_closes_is_believed(client):
    async def farewell(ws):
        await ws.recv()
        await ws.close(1001, "going away")

    with Server(farewell) as server:
        assert client(server.port, "/mqtt", "echo", 5) == "fault closed WebSocket: close 1001"


@pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed")
def test_mqtt_with_mosquitto(client):
    with contextlib.ExitStack() as stack:
        broker = start_broker("mosquitto", stack, websockets=True)
        assert client(broker.ws_address[1], "/mqtt", "mqtt", 60) == "ok"
