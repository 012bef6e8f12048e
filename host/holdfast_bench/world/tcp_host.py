"""The other side of modelled TCP: a machine with listening ports, and its end of each connection as Linux behaves.

An application is given a Peer (which is the wire of broker_link.py) by its `accept(peer)` and returns an object with
feed(data, now_ms) and lost(now_ms, why). Common subset of CPython and MicroPython. May use: tcp, air.
"""

from . import air as _air
from .lwip import MSS
from .tcp import ACKNOWLEDGED, NOT_WANTED, SENT, WANTED, End

RECEIVE_BUFFER = 65536
SEND_BUFFER = 87380         # what the operating system takes before an application sees a backlog
ACK_DELAY_MS = 40
RTO_MIN_MS = 200
RTO_MAX_MS = 120_000
TRIES_MAX = 15
ORPHAN_TRIES_MAX = 8        # when the application has closed already (tcp_orphan_retries)
FIN_WAIT_MS = 60_000        # after which an orphan is looked at: the end of one whose FIN is acknowledged (tcp_fin_timeout)
SYN_ACK_MS = 1000           # first repetition of a SYN-ACK, then doubled
SYN_ACKS_MAX = 5


class Peer(End):
    """The host's end of one connection."""

    up = False
    ack_delay_ms = ACK_DELAY_MS
    tries_max = TRIES_MAX
    nodelay = True              # as asyncio sets it

    def __init__(self, host, flow, app):
        super().__init__(flow.kernel, flow.air)
        self.host = host
        self.other = flow
        self.app = app
        self.accepted = False
        self._reader = None         # what the application returned for this connection
        self._closed = False        # the application has closed
        self._paused = False
        self._unread = []           # chunks the application has not taken
        self._unread_size = 0
        self._syn_acks = 0

    def _flow(self):
        return self.other

    # -- opening -------------------------------------------------------------------------------------------------------

    def answer(self):
        """Send SYN-ACK."""
        self._syn_acks += 1
        self.air.carry(False, _air.SYN_ACK, 0, self.other, self.other.established, self)
        self.arm()

    def arm(self):
        if self.accepted:
            super().arm()
        elif self._timer is None and not self.dead:
            # Until the chip's acknowledgement comes; it, or our SYN-ACK, may be lost.
            self._timer = self.kernel.after(SYN_ACK_MS << self._syn_acks - 1, self._again)

    def _again(self, _):
        self._timer = None
        if self.accepted or self.dead:
            return
        if self._syn_acks > SYN_ACKS_MAX:
            self._gone()
            return
        self.answer()

    def established(self, _):
        """The third segment of the handshake, or any later one, has come: the application gets the connection."""
        if self.accepted or not self.hears(True):
            return
        self.accepted = True
        self.kernel.cancel(self._timer)
        self._timer = None
        self._reader = self.app.accept(self)

    # -- what the application does: the wire of broker_link.py -----------------------------------------------------------

    def write(self, data):
        if not self.dead and self.fin_out == NOT_WANTED:
            self._put(bytes(data))

    def close(self):
        """The application has closed: FIN behind what was written, RST when it left something unread."""
        if self._closed or self.dead:
            return
        self._closed = True
        self.tries_max = ORPHAN_TRIES_MAX
        if self._unread:
            self.abort()
            return
        self.fin_out = WANTED
        self._output()
        self.kernel.after(FIN_WAIT_MS, self._orphaned)

    def _orphaned(self, _):
        """Takes what acknowledged our FIN, which nobody else asks for; a chip that has done so and says no more sleeps, or was reset."""
        if self.dead:
            return
        self._settle()
        if self.fin_out == ACKNOWLEDGED:
            if not self.dead:
                self._gone()
            return
        if not self._acks:
            self.arm()
        self.kernel.after(FIN_WAIT_MS, self._orphaned)

    def abort(self):
        """RST."""
        if not self.dead:
            self._closed = True
            self._send_reset()
            self._gone()

    def pause(self, on):
        """Leave what arrives in the operating system's buffer, or go on."""
        if on == self._paused:
            return
        self._paused = on
        while self._unread and not self._paused and not self.dead:
            chunk = self._unread.pop(0)
            self._unread_size -= len(chunk)
            self._reader.feed(chunk, self.kernel.now_ms)
        if not on and not self.dead and self.other._unsent:
            self.air.carry(False, _air.ACK, 0, self.other, _output, self.other)

    def backlog(self):
        return max(0, self.bytes_out - SEND_BUFFER)

    # -- receiving -----------------------------------------------------------------------------------------------------

    def hears(self, answer):
        if not self.host.up:
            self.other.arm()
            return False
        if self.dead:
            if answer:
                self._send_reset()
            return False
        return True

    def arrive(self, segment):
        if not self.accepted and not self.dead:
            self.established(None)
        super().arrive(segment)

    def deliver(self, data):
        if self._closed:
            # Data for a socket that is closed: Linux answers with RST.
            self._send_reset()
            self._gone()
        elif self._paused:
            self._unread.append(data)
            self._unread_size += len(data)
        else:
            self._reader.feed(data, self.kernel.now_ms)

    def delivered_fin(self):
        if self._closed:
            if self.fin_out == ACKNOWLEDGED:
                self._acknowledge(0)
                self._gone()
            return
        reader, self._reader = self._reader, None
        reader.lost(self.kernel.now_ms, "connection closed by the client")
        self._unread = []
        self.close()

    def window(self):
        return RECEIVE_BUFFER - self._unread_size

    def waits_for_window(self):
        return bool(self._unsent)

    def window_opened(self, _):
        if not self.dead:
            self._output()

    # -- the end -------------------------------------------------------------------------------------------------------

    def reset(self, _):
        """A RST has come."""
        if not self.dead and self.host.up:
            self._end("connection reset")

    def give_up(self):
        self._end("connection timed out")

    def _end(self, why):
        reader, closed = self._reader, self._closed
        self._gone()
        if reader is not None and not closed:
            reader.lost(self.kernel.now_ms, why)

    def _fin_acknowledged(self):
        if self.fin_in:
            self._gone()

    def _send_reset(self):
        self.air.carry(False, _air.RST, 0, self.other, self.other.reset, None)

    def _gone(self):
        self._stop()
        self.host.forget(self)

    def _time_out_at_ms(self):
        rto_ms = RTO_MIN_MS + self.rtt_ms << min(self.tries, 10)
        return self._since_ms + min(rto_ms, RTO_MAX_MS)


class Caller(Peer):
    """The host's end of a connection that it opens itself, to `port` of the chip whose stack is `stack`. ip, own_port: where it calls from.
    app.accept(peer) is called when the chip has answered, app.failed(why) when it has not."""

    def __init__(self, host, stack, port, app, ip, own_port):
        End.__init__(self, stack.kernel, stack.air)
        self.host, self.app, self.ip, self.own_port, self.port = host, app, ip, own_port, port
        self.accepted = False
        self._reader = None
        self._closed = False
        self._paused = False
        self._unread = []
        self._unread_size = 0
        self._stack = stack
        self._syns = 0
        host.peers.append(self)
        self._call(None)

    def _call(self, _):
        self._timer = None
        if self._syns > SYN_ACKS_MAX:
            return self.refused("no answer")
        self._timer = self.kernel.after(SYN_ACK_MS << self._syns, self._call)
        self._syns += 1
        self.air.carry(False, _air.SYN, 0, None, self._stack.syn, self)

    def answered(self, flow):
        """SYN-ACK."""
        if self.accepted or self.dead:
            return
        self.other = flow
        self.established(None)

    def refused(self, why):
        """RST to our SYN, or nothing at all."""
        if not self.accepted and not self.dead:
            self._gone()
            self.app.failed(why or "refused")


def _output(end):
    if not end.dead:
        end._output()


class Host:
    """A machine at one address. `ports` maps port numbers to applications; without one a SYN is answered by RST."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.up = True
        self.refusing = False       # a packet filter answers every SYN with RST
        self.ports = {}
        self.udp_ports = {}         # port -> application with datagram(sender, data)
        self.peers = []
        self.backlog = None         # connections it holds at most; a listen queue that is full drops SYNs
        self.connects_per_s = None  # SYNs accepted a second; the others are dropped, as by a full listen queue
        self.dropped_syns = 0
        self._credit = None         # thousandths of a connection that may be accepted now
        self._credit_at_ms = 0

    def syn(self, flow):
        """A SYN has come."""
        if not self.up:
            return
        app = self.ports.get(flow.port)
        if app is None or self.refusing:
            flow.air.carry(False, _air.RST, 0, flow, flow.reset, None)
            return
        for peer in self.peers:
            if peer.other is flow:
                peer.answer()
                return
        if self.backlog is not None and len(self.peers) >= self.backlog or self.connects_per_s is not None and not self._token():
            self.dropped_syns += 1
            return
        peer = Peer(self, flow, app)
        self.peers.append(peer)
        peer.answer()

    def datagram(self, arg):
        """A datagram has come: (the chip's Datagrams, port, bytes). Without an application it is lost."""
        sender, port, data = arg
        app = self.udp_ports.get(port)
        if self.up and app is not None:
            app.datagram(sender, data)

    def _token(self):
        """One connection from this second's share; what is not used does not add up beyond one second."""
        now_ms, full = self.kernel.now_ms, self.connects_per_s * 1000
        since_ms = min(1000, now_ms - self._credit_at_ms)
        self._credit = full if self._credit is None else min(full, self._credit + since_ms * self.connects_per_s)
        self._credit_at_ms = now_ms
        if self._credit < 1000:
            return False
        self._credit -= 1000
        return True

    def forget(self, peer):
        if peer in self.peers:
            self.peers.remove(peer)

    def process_died(self, port):
        """The application ended, in whatever way: the port refuses, the operating system closes its connections."""
        self.ports.pop(port, None)
        for peer in list(self.peers):
            if peer.other.port == port:
                peer._reader = None
                if peer.accepted:
                    peer.close()
                else:
                    peer._gone()

    def reset_all(self):
        """RST for every connection there is."""
        for peer in list(self.peers):
            peer.reset(None) if not peer.accepted else self._cut(peer)

    def _cut(self, peer):
        peer._send_reset()
        peer._end("connection reset")

    def power_off(self):
        """The machine is gone: silence. Its applications have to be told apart from this."""
        self.up = False
        for peer in list(self.peers):
            peer._stop()
        self.peers = []

    def power_on(self):
        self.up = True
