"""The phone of whoever sets a simulated node up: joins its access point, asks its name server and its page over the modelled network.

May use: world.phone for what it asks, world.tcp_host for its end of TCP, the rig. Everything happens in kernel events.
"""

from ...world import phone
from ...world.tcp_host import Caller, Host

UDP_PORT = 40000


class Phone:
    """`setup`: of the action. Begins at once, and comes back until the form was taken in or its owner has had enough."""

    def __init__(self, rig, setup):
        self._rig, self._kernel = rig, rig.kernel
        broker = rig.spec["brokers"][0]
        self._fields = phone.form(setup, rig.spec["wifi"], {"host": broker["ip"], "port": broker["port"], "user": broker["user"], "password": broker["password"]}, rig.board)
        self._until_ms = rig.kernel.now_ms + phone.LIMIT_MS
        self._turn = 0          # what is waited for; an answer of an earlier turn is late
        self._asked = 0         # the turn in which its name server was asked
        self._ports = 50000
        self._host = rig.hosts[phone.OWN] = Host(rig.kernel)
        self._host.udp_ports[UDP_PORT] = self
        self._look(None)

    def _say(self, ev, *pairs):
        self._rig.history.add("phone/" + self._rig.board, ev, *pairs)

    def _look(self, _):
        """Is its access point there?"""
        ap = self._rig.chip.wifi.soft_ap
        if ap is not None:
            self._say("joined", "ssid", ap[0], "open", not ap[1])
            self._visit = phone.visit(self._fields, self._say)
            self._kernel.after(phone.JOIN_MS, self._begin)
        elif self._kernel.now_ms < self._until_ms:
            self._kernel.after(phone.LOOK_MS, self._look)

    def _begin(self, _):
        self._go(None)

    def _go(self, answer):
        self._turn += 1
        try:
            what, data = self._visit.send(answer)
        except StopIteration as e:
            self._turn += 1         # nothing is waited for
            if not e.value:
                self._kernel.after(phone.AGAIN_MS, self._look)
            return
        self._kernel.after(phone.ANSWER_MS, self._late, self._turn)
        if what == "dns":
            self._asked = self._turn
            for datagrams in self._rig.chip.stack.datagrams:
                if datagrams.port == 53:
                    datagrams.answer(phone.OWN, UDP_PORT, data)
        else:
            self._ports += 1
            Caller(self._host, self._rig.chip.stack, 80, _Request(self, self._turn, data), phone.OWN, self._ports)

    def _late(self, turn):
        if turn == self._turn:
            self._go(None)

    def answered(self, turn, data):
        if turn == self._turn:
            self._go(data)

    def datagram(self, sender, data):
        self.answered(self._asked, data)


class _Request:
    """One request over TCP; the answer is all that comes until the node closes."""

    def __init__(self, owner, turn, data):
        self._owner, self._turn, self._data = owner, turn, data
        self._heard = b""

    def accept(self, peer):
        peer.write(self._data)
        return self

    def feed(self, data, now_ms):
        self._heard += data

    def lost(self, now_ms, why):
        self._owner.answered(self._turn, self._heard or None)

    def failed(self, why):
        self._owner.answered(self._turn, None)
