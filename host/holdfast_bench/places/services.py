"""What stands beside the broker in a run, because the plan's configuration wants to speak something else than MQTT over TCP: a gateway for
frames, a WebSocket server in front of a broker that has none.

May use: gateway, websockets. Everything runs in one thread of its own and ends with the stack.
"""

import asyncio
import contextlib
import threading

from ..errors import BenchError

FRAMES_PORT = 7180      # as boards see it
WS_PORT = 80
LIMIT_S = 10


def wanted(config):
    """{(protocol, transport)} of the brokers in a board's settings."""
    return {(entry.get("protocol", "mqtt"), entry.get("transport", "tcp")) for entry in config.get("brokers", [])}


def over_websocket(config):
    return any(transport == "ws" for _, transport in wanted(config))


def routes(config, broker, stack, say):
    """({TCP port as boards see it: real address}, {UDP port: real address}) of what the brokers in `config` need besides the broker itself."""
    tcp, udp = {}, {}
    for entry in config.get("brokers", []):
        if entry.get("protocol") == "frames" and not udp:
            port = entry.get("port", FRAMES_PORT)
            tcp[port], udp[port] = _service(stack).call(_gateway(broker.address, stack))
            say("gateway: frames at TCP and UDP port %d of the broker's host" % port)
        if entry.get("transport") == "ws":
            port = entry.get("port", WS_PORT)
            tcp[port] = broker.ws_address or _service(stack).call(_websocket(broker.address))
            say("WebSocket: at port %d of the broker's host" % port)
    return tcp, udp


class Service:
    """An event loop in a thread; ended by stop(), with every task that is left."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="services", daemon=True)
        self._thread.start()

    def call(self, coro):
        return asyncio.run_coroutine_threadsafe(coro, self.loop).result(LIMIT_S)

    def stop(self):
        async def end():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LIMIT_S)


def _service(stack):
    service = Service()
    stack.callback(service.stop)
    return service


async def _gateway(broker, stack):
    from ..gateway import Gateway

    gateway = await Gateway(broker).start(("127.0.0.1", 0), ("127.0.0.1", 0))
    return ("127.0.0.1", gateway.tcp_port), ("127.0.0.1", gateway.udp_port)


async def _websocket(broker):
    """A WebSocket server whose connections lead to a broker's TCP port. -> its address. Raises BenchError without the library."""
    try:
        from websockets.asyncio.server import serve
        from websockets.exceptions import ConnectionClosed
    except ImportError:
        raise BenchError("MQTT over WebSocket needs mosquitto, or the Python package websockets") from None

    async def connect(ws, request):
        """As a reverse proxy: the broker first, and 502 without it."""
        try:
            ws.broker = await asyncio.open_connection(*broker)
        except OSError:
            return ws.respond(502, "no broker\n")

    async def bridge(ws):
        reader, writer = ws.broker

        async def down():
            while data := await reader.read(16384):
                await ws.send(data)
            await ws.close(1001)

        task = asyncio.ensure_future(down())
        try:
            async for data in ws:
                writer.write(data)
        except ConnectionClosed:
            pass
        finally:
            task.cancel()
            writer.close()

    server = await serve(bridge, "127.0.0.1", 0, subprotocols=["mqtt"], process_request=connect)
    return server.sockets[0].getsockname()[:2]
