"""What stands beside the broker in a run, because the plan's configuration wants to speak something else: a gateway for frames.

May use: gateway. Each runs in a thread of its own and ends with the stack.
"""

import asyncio
import threading

from ..gateway import Gateway

FRAMES_PORT = 7180      # as boards see it
START_LIMIT_S = 10


def routes(config, broker, stack, say):
    """({TCP port as boards see it: real address}, {UDP port: real address}) of what the brokers in `config` need besides the broker itself."""
    tcp, udp = {}, {}
    wanted = [(entry.get("protocol"), entry.get("transport")) for entry in config.get("brokers", [])]
    if any(protocol == "frames" for protocol, _ in wanted):
        made = GatewayThread(broker.address)
        stack.callback(made.stop)
        say("gateway: frames at TCP and UDP port %d of the broker's host" % FRAMES_PORT)
        tcp[FRAMES_PORT], udp[FRAMES_PORT] = made.tcp, made.udp
    return tcp, udp


class GatewayThread:
    """A gateway in a loop of its own."""

    def __init__(self, broker):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        self.gateway = Gateway(broker)
        self._call(self.gateway.start(("127.0.0.1", 0), ("127.0.0.1", 0)))
        self.tcp = ("127.0.0.1", self.gateway.tcp_port)
        self.udp = ("127.0.0.1", self.gateway.udp_port)

    def _call(self, coro):
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result(START_LIMIT_S)

    def stop(self):
        try:
            self._call(self.gateway.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_LIMIT_S)
