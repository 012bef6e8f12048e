"""The built-in broker as a process on a modelled host: it starts, stops, dies and hangs. May use: broker, tcp_host.

What it hears goes to the broker's watcher. Common subset of CPython and MicroPython.
"""


class BrokerHost:
    """`broker` (broker.Broker) listening on `port` of `host` (tcp_host.Host)."""

    def __init__(self, kernel, host, port, broker):
        self.kernel = kernel
        self.host = host
        self.port = port
        self.broker = broker
        broker.wake_at = self._wake_at
        self.on_stop = None         # a gateway in front of it wants to know
        self._timer = None
        self._timer_at_ms = 0

    def running(self):
        return self.host.ports.get(self.port) is self

    def start(self):
        self.host.ports[self.port] = self

    def stop(self, keep_sessions=True):
        """Ends in good order: connections closed, sessions saved, no wills. The port refuses from now on."""
        if self.running():
            self.host.process_died(self.port)
            self.broker.crash(keep_sessions)
            if self.on_stop:
                self.on_stop()
            self.kernel.cancel(self._timer)
            self._timer = None

    def kill(self, keep_sessions=False):
        """Dies: the operating system closes its connections; what it knew is lost."""
        self.stop(keep_sessions)

    def accept(self, peer):
        """For tcp_host: a connection; the broker's link is its reader."""
        return self.broker.attach(peer, self.kernel.now_ms)

    def _wake_at(self, at_ms):
        if self._timer is None or at_ms < self._timer_at_ms:
            self.kernel.cancel(self._timer)
            self._timer_at_ms = at_ms
            self._timer = self.kernel.after(max(0, at_ms - self.kernel.now_ms), self._tick)

    def _tick(self, _):
        self._timer = None
        self.broker.tick(self.kernel.now_ms)
