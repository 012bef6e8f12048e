"""A chip's TCP, a clean air and a host with one port, for tests. The host's application takes connections and keeps what came."""

from holdfast_bench.world.air import Air
from holdfast_bench.world.kernel import VirtualKernel
from holdfast_bench.world.lwip import DIALING, OPEN
from holdfast_bench.world.tcp_chip import Stack
from holdfast_bench.world.tcp_host import Host

IP, PORT = "10.0.0.2", 1883


class Wifi:
    """A joined station, until told otherwise."""

    def __init__(self):
        self.joined = self.through = True

    soft_ap = None

    def has_address(self):
        return self.joined

    def passes(self):
        return self.joined and self.through


class App:
    """Takes connections; `answer(data)` is what it writes back."""

    def __init__(self, answer=lambda data: b""):
        self.answer = answer
        self.peers, self.got, self.ends = [], b"", []

    def accept(self, peer):
        self.peers.append(peer)
        return Reader(self, peer)


class Reader:
    def __init__(self, app, peer):
        self.app, self.peer = app, peer

    def feed(self, data, now_ms):
        assert isinstance(data, bytes)
        self.app.got += data
        answer = self.app.answer(data)
        if answer:
            self.peer.write(answer)

    def lost(self, now_ms, why):
        self.app.ends.append((now_ms, why))


class World:
    def __init__(self, answer=lambda data: b"", phase_ms=0):
        self.k = VirtualKernel()
        self.wifi = Wifi()
        self.air = Air(self.k, self.wifi.passes)
        self.host = Host(self.k)
        self.app = App(answer)
        self.host.ports[PORT] = self.app
        self.stack = Stack(self.k, self.air, self.wifi, {IP: self.host}.get, phase_ms)

    def run(self, ms):
        self.k.wait(self.k.now_ms + ms)

    def until(self, ready, ms=10**6):
        assert self.k.wait(self.k.now_ms + ms, ready), "did not happen within %d ms" % ms
        return self.k.now_ms

    def dial(self, ip=IP, port=PORT):
        return self.stack.dial(ip, port)

    def open(self, nodelay=True):
        flow = self.dial()
        flow.nodelay = nodelay
        self.until(lambda: flow.state != DIALING)
        assert flow.state == OPEN
        self.run(20)
        return flow
