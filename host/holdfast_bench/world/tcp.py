"""Modelled TCP: the stream machinery both ends share, and the chip's end as lwIP behaves (ESP-IDF's defaults).

What a segment may meet on its way is air.py's business, the Linux end is tcp_host.py's. A timer runs only where a segment
was lost or the air is not clean, so a healthy exchange costs one kernel event a segment; plain acknowledgements are
worked out when somebody asks. Common subset of CPython and MicroPython. May use: kernel, air, lwip, routes, udp.
"""

from . import air as _air
from .routes import Routes
from .udp import FIRST_PORT, Datagrams, Listener
from .lwip import (ARP_TIMEOUT_MS, DEAD, DIALING, ECONNABORTED, ECONNRESET, EHOSTUNREACH, ENOBUFS, MSS, OPEN, RCV_WND,
                   SND_BUF, SND_LOWAT)

TICK_MS = 500           # lwIP's slow timer: everything below happens at one of its ticks
RTO_TICKS = 3           # 1.5 s, to which round trips beyond half a second add
BACKOFF = (1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7)      # the time-out is shifted by this after each retransmission
TRIES_MAX = 12          # retransmissions, and SYNs
ACK_DELAY_MS = 125      # lwIP acknowledges at its fast timer, every 250 ms: the mean
CWND = 4 * MSS
ACTIVE_MAX = 12         # connections including TIME_WAIT that MicroPython's build allows
TIME_WAIT_MS = 120_000
DUPLICATE_ACKS = 3      # trigger a fast retransmission

NOT_WANTED, WANTED, SENT, ACKNOWLEDGED = range(4)   # of our FIN


class End:
    """One end of a connection: sends a byte stream with retransmission, receives one in order. `other` is the far end.

    Byte numbers begin at 0 in each direction; our FIN takes the number behind the last byte.
    """

    up = True               # our segments travel from the chip
    ack_delay_ms = ACK_DELAY_MS
    tries_max = TRIES_MAX
    nodelay = False

    def __init__(self, kernel, air):
        self.kernel = kernel
        self.air = air
        self.other = None
        self.dead = False
        self.una = 0            # first byte that is not acknowledged
        self.nxt = 0            # next byte to send
        self.bytes_out = 0      # written and not acknowledged
        self.rcv = 0            # next byte expected
        self.tries = 0          # retransmissions since the last progress
        self.rtt_ms = 0         # smoothed round trip
        self.cwnd = CWND
        self.fin_out = NOT_WANTED
        self.fin_in = False
        self._flight = []       # chunks that are sent; the first begins at una
        self._unsent = []       # chunks behind them
        self._early = []        # [seq, segment] that came before what precedes them
        self._told = 0          # what the other end has been told that we received
        self._acks = []         # [at_ms, byte] of plain acknowledgements on their way to us
        self._wanted = False    # somebody waits for room: an acknowledgement has to be an event
        self._ack_event = None
        self._since_ms = 0      # when the retransmission time-out began to count
        self._duplicates = 0
        self._timer = None

    # -- sending -------------------------------------------------------------------------------------------------------

    def _put(self, chunk):
        """Accept bytes for sending."""
        self.bytes_out += len(chunk)
        self._unsent.append(chunk)
        self._output()

    def _output(self):
        """Send what the windows and Nagle's rule allow."""
        unsent = self._unsent
        while unsent:
            chunk = unsent[0]
            n = len(chunk)
            if n > MSS:
                unsent[:1] = [chunk[:MSS], chunk[MSS:]]
                continue
            other = self.other
            flying = self.nxt - self.una
            if flying:
                if flying + n > self.cwnd or (not self.nodelay and n < MSS and len(unsent) == 1):
                    self._want_ack()
                    return
            if self.nxt + n > other.rcv + other.window():
                # Without anything under way the other end's window update starts us again.
                if flying:
                    self._want_ack()
                return
            unsent.pop(0)
            if not flying:
                self._since_ms = self.kernel.now_ms
            self._flight.append(chunk)
            seq = self.nxt
            self.nxt = seq + n
            self._emit(seq, chunk, False)
        if self.fin_out == WANTED:
            self.fin_out = SENT
            if self.nxt == self.una:
                self._since_ms = self.kernel.now_ms
            seq = self.nxt
            self.nxt = seq + 1
            self._emit(seq, b"", True)

    def _emit(self, seq, data, fin):
        """Put a segment on the air; it carries our acknowledgement."""
        self._told = self.rcv
        air = self.air
        if not air.rules and air.passes():
            self.kernel.after(air.delay_ms, self.other.arrive, (seq, data, fin, self.rcv))
            return
        if not air.carry(self.up, _air.FIN if fin else _air.DATA, len(data), self._flow(), self.other.arrive,
                         (seq, data, fin, self.rcv)):
            self.other.arm()
        self.arm()

    def _flow(self):
        return self

    def arm(self):
        """Let the retransmission time-out count, if it does not and something is unacknowledged."""
        if self._timer is None and self.nxt != self.una and not self.dead:
            self._timer = self.kernel.after(max(0, self._time_out_at_ms() - self.kernel.now_ms), self._expired)

    def _expired(self, _):
        self._timer = None
        self._settle()
        if self.nxt == self.una or self.dead:
            return
        if self._acks:
            self._timer = self.kernel.after(self._acks[0][0] - self.kernel.now_ms, self._expired)
            return
        if self.tries >= self.tries_max:
            self.give_up()
            return
        self.tries += 1
        self._retransmit()

    def _retransmit(self):
        """Start again at the first unacknowledged byte, slowly."""
        if self.fin_out == SENT:
            self.fin_out = WANTED
        self._unsent[:0] = self._flight
        self._flight = []
        self.nxt = self.una
        self.cwnd = MSS
        self._since_ms = self.kernel.now_ms
        self._output()

    # -- acknowledgements ----------------------------------------------------------------------------------------------

    def _acked(self, ack, now_ms):
        """Everything before byte `ack` has arrived, as was told at now_ms."""
        n = ack - self.una
        if n <= 0:
            return
        self.una = ack
        if ack > self.nxt:
            self.nxt = ack      # of what was sent before a retransmission began
        if n > self.bytes_out:
            self.fin_out = ACKNOWLEDGED
            n = self.bytes_out
        self.bytes_out -= n
        for chunks in (self._flight, self._unsent):
            while n and chunks:
                size = len(chunks[0])
                if size > n:
                    chunks[0] = chunks[0][n:]
                    n = 0
                else:
                    chunks.pop(0)
                    n -= size
        if self.cwnd < CWND:
            self.cwnd += MSS
        if not self.tries:
            self.rtt_ms += (now_ms - self._since_ms - self.rtt_ms) // 4
        self.tries = self._duplicates = 0
        self._since_ms = now_ms
        if self._timer is not None:
            self.kernel.cancel(self._timer)
            self._timer = None
            self.arm()
        if self._unsent or self.fin_out == WANTED:
            self._output()
        elif self.fin_out == ACKNOWLEDGED:
            self._fin_acknowledged()

    def _settle(self):
        """Take the acknowledgements that have come in meanwhile."""
        acks = self._acks
        while acks and acks[0][0] <= self.kernel.now_ms:
            at_ms, ack = acks.pop(0)
            self._acked(ack, at_ms)

    def _want_ack(self):
        """Somebody waits: the next acknowledgement must be an event of its own."""
        if not self._wanted:
            self._wanted = True
            if self._acks:
                self._schedule_ack()

    def _schedule_ack(self):
        if self._ack_event is None:
            self._ack_event = self.kernel.after(max(0, self._acks[0][0] - self.kernel.now_ms), self._ack_due)

    def _ack_due(self, _):
        self._ack_event = None
        if self.dead:
            return
        if self._acks and self._acks[0][0] <= self.kernel.now_ms:
            self._wanted = False
            self._settle()
        if self._wanted and self._acks:
            self._schedule_ack()

    def _acknowledge(self, delay_ms):
        """Tell the other end what we have, unless a segment of ours does so first."""
        if delay_ms and self.air.clean():
            self._told = self.rcv
            other = self.other
            other._acks.append((self.kernel.now_ms + delay_ms + self.air.delay_ms, self.rcv))
            if other._wanted:
                other._schedule_ack()
        elif delay_ms:
            self.kernel.after(delay_ms, self._acknowledge_now, self.rcv)
        else:
            self._acknowledge_now(None)

    def _acknowledge_now(self, unless_told):
        if self.dead or (unless_told is not None and self._told >= unless_told):
            return
        self._told = self.rcv
        if not self.air.carry(self.up, _air.ACK, 0, self._flow(), self.other.arrive, (self.nxt, b"", False, self.rcv)):
            self.other.arm()

    # -- receiving -----------------------------------------------------------------------------------------------------

    def arrive(self, segment):
        """A segment has come through the air."""
        seq, data, fin, ack = segment
        if not self.hears(data or fin):
            return
        if self._acks:
            self._settle()
        if ack > self.una:
            self._acked(ack, self.kernel.now_ms)
        elif not data and not fin and self._flight:
            self._duplicates += 1
            if self._duplicates == DUPLICATE_ACKS:
                self._retransmit()
        if not data and not fin or self.dead:
            return
        if seq != self.rcv or self._early:
            self._out_of_order(seq, segment)
            return
        self._take(data, fin)
        if self._told < self.rcv and not self.dead:
            self._acknowledge(self.ack_delay_ms)

    def _take(self, data, fin):
        """The next segment in order."""
        if data:
            self.rcv += len(data)
            self.deliver(data)
        if fin and not self.fin_in:
            self.rcv += 1
            self.fin_in = True
            self.delivered_fin()

    def _out_of_order(self, seq, segment):
        if seq > self.rcv:
            if len(self._early) < 16:
                self._early.append((seq, segment))
                self._early.sort(key=_seq)
        elif seq + len(segment[1]) + (1 if segment[2] else 0) > self.rcv:
            self._take(segment[1][self.rcv - seq:], segment[2])
            while self._early and self._early[0][0] <= self.rcv and not self.dead:
                _, (seq, data, fin, _) = self._early.pop(0)
                if seq + len(data) + (1 if fin else 0) > self.rcv:
                    self._take(data[self.rcv - seq:], fin)
        if not self.dead:
            self._acknowledge(0)

    def _stop(self):
        """Nothing more happens at this end."""
        self.dead = True
        self._flight, self._unsent, self._early, self._acks = [], [], [], []
        self.kernel.cancel(self._timer)
        self.kernel.cancel(self._ack_event)
        self._timer = self._ack_event = None


def _seq(entry):
    return entry[0]


class Flow(End):
    """A connection seen from the chip; the shape is described in docs/architecture.md (socket back-end)."""

    def __init__(self, stack, host, port, error=0, caller=None, air=None):
        """error: why it cannot even begin; then it is born dead. caller: the far end that has called us; then it is open. air: of
        the interface it goes through, if not Wi-Fi."""
        super().__init__(stack.kernel, air or stack.air)
        self.stack = stack
        self.host = host
        self.port = port
        self.state = DEAD if error else OPEN if caller else DIALING
        self.error = error
        self.dead = bool(error)
        self.inbox = bytearray()
        self.fin = False            # the peer has closed
        self._closed = False        # the program has closed
        self._syns = 0
        if caller:
            self.other = caller
        if error or caller:
            return
        if host is None:
            self._timer = self.kernel.after(ARP_TIMEOUT_MS, self._no_answer)
        else:
            self._syn(None)

    # -- what chip/socket.py asks --------------------------------------------------------------------------------------

    def room(self):
        """Bytes that write() would take now. When there are too few to poll as writable, their coming back will be an event."""
        if self.state != OPEN:
            return 0
        if self._acks:
            self._settle()
        if self.bytes_out >= SND_LOWAT:
            self._want_ack()
        return SND_BUF - self.bytes_out

    def write(self, buf):
        """Take what fits; returns how much that was."""
        n = min(len(buf), self.room())
        if n > 0 and self.fin_out == NOT_WANTED:
            self._put(bytes(buf[:n]))
            return n
        return 0

    def peek(self, n):
        """What read(n) would give; it stays there."""
        return self.inbox[:n]

    def read(self, n):
        """Up to n bytes from the front of the inbox."""
        inbox = self.inbox
        if n >= len(inbox):
            self.inbox = bytearray()
            data = bytes(inbox)
        else:
            data = bytes(inbox[:n])
            self.inbox = inbox[n:]
        peer = self.other
        if peer is not None and peer.waits_for_window() and not self.dead:
            self.air.carry(True, _air.ACK, 0, self, peer.window_opened, None)
        return data

    def close(self):
        """FIN behind what was written; RST when something was left unread, as lwIP does. Never blocks."""
        if self._closed:
            return
        self._closed = True
        if self.state != OPEN:
            self._die(0, False)
        elif self.inbox:
            self._die(0, True)
        else:
            self.fin_out = WANTED
            self._output()

    # -- life ----------------------------------------------------------------------------------------------------------

    def _syn(self, _):
        """lwIP repeats a SYN every third tick, without back-off, twelve times in all."""
        if self._syns == TRIES_MAX:
            self._timer = self.kernel.after(self.stack.ticks_from(self.kernel.now_ms, 1) - self.kernel.now_ms, self._no_answer)
            return
        self._syns += 1
        now_ms = self.kernel.now_ms
        self._timer = self.kernel.after(self.stack.ticks_from(now_ms, RTO_TICKS) - now_ms, self._syn)
        self.air.carry(True, _air.SYN, 0, self, self.host.syn, self)

    def _no_answer(self, _):
        self._timer = None
        self._die(ECONNABORTED, False)

    def established(self, peer):
        """The SYN-ACK has come."""
        if self.state == DIALING:
            self.kernel.cancel(self._timer)
            self._timer = None
            self.state = OPEN
            self.other = peer
        elif self.dead or peer is not self.other:
            if self.stack.present():
                self.air.carry(True, _air.RST, 0, self, peer.reset, None)
            return
        if not self.air.carry(True, _air.ACK, 0, self, peer.established, None):
            peer.arm()

    def reset(self, _):
        """A RST has come."""
        if not self.dead:
            self._die(ECONNRESET, False)

    def _die(self, error, tell):
        """This flow is over; with tell the peer gets a RST."""
        peer = self.other
        self._stop()
        self.state, self.error = DEAD, error
        self.stack.forget(self)
        if tell and peer is not None:
            self.air.carry(True, _air.RST, 0, self, peer.reset, None)

    def abort(self, error):
        """The interface went down, or the chip was reset: over, and not a word to the peer."""
        if not self.dead:
            self._die(error, False)

    def give_up(self):
        self._die(ECONNABORTED, False)

    def _fin_acknowledged(self):
        if self.fin_in and self.state == OPEN:
            self._die(0, False)

    # -- receiving -----------------------------------------------------------------------------------------------------

    def hears(self, answer):
        """A segment for a flow that is no more is answered by RST, if the chip is there to answer; else the peer has to send it again."""
        if not self.dead:
            return True
        if self.other is not None:
            if self.stack.present():
                self.air.carry(True, _air.RST, 0, self, self.other.reset, None)
            else:
                self.other.arm()
        return False

    def deliver(self, data):
        if self._closed:
            # Nobody will read it.
            self._die(0, True)
        else:
            self.inbox.extend(data)

    def delivered_fin(self):
        self.fin = True
        if self._closed and self.fin_out == ACKNOWLEDGED:
            self._acknowledge(0)
            self.stack.time_wait()
            self._die(0, False)

    def window(self):
        return RCV_WND - len(self.inbox)

    def _time_out_at_ms(self):
        if self.tries >= TRIES_MAX:
            ticks = 1
        else:
            ticks = RTO_TICKS + self.rtt_ms // TICK_MS << (BACKOFF[self.tries - 1] if self.tries else 0)
        return self.stack.ticks_from(self._since_ms, ticks)


class Stack:
    """The chip's TCP. network(ip) gives the Host at an address, None where nobody answers ARP."""

    flow_class = Flow           # the twin's reports its changes to a chip in another process

    def __init__(self, kernel, air, wifi, network, tick_phase_ms=0):
        self.kernel = kernel
        self.air = air
        self.wifi = wifi
        self.network = network
        self.phase_ms = tick_phase_ms % TICK_MS
        self.flows = []             # everything that is not over, closing ones included
        self.listeners = []
        self.datagrams = []
        self.on_dial = None         # hears of every connection that is tried: on_dial(ip, port)
        self.routes = None          # world/routes.py, where there is more than one interface
        self._time_waits = []       # when each ends

    def add_way(self, driver, air, prio):
        """Another interface besides Wi-Fi."""
        if self.routes is None:
            self.routes = Routes()
            self.routes.add(self.wifi, self.air, 100)
            self.wifi.on_address = self.routes.decide
        driver.on_address = self.routes.decide
        return self.routes.add(driver, air, prio)

    def air_to(self, ip, source=None):
        """The air of the interface that leads to `ip`, from the address `source` if one was bound; None when there is none."""
        if self.routes is None:
            return self.air if self.wifi.has_address() else None
        way = self.routes.choose(ip, source)
        return way.air if way else None

    def dial(self, ip, port, source=None):
        """A new flow; its first SYN is on the way. Without an address it is born dead, with no memory left too."""
        if self.on_dial is not None:
            self.on_dial(ip, port)
        air = self.air_to(ip, source)
        if air is None:
            return Flow(self, None, port, EHOSTUNREACH)
        if not self._make_room():
            return Flow(self, None, port, ENOBUFS)
        flow = self.flow_class(self, self.network(ip), port, 0, None, air)
        self.flows.append(flow)
        return flow

    def listen(self, port, backlog):
        """A Listener; the caller has seen to it that the port is free."""
        listener = Listener(self, port, backlog)
        self.listeners.append(listener)
        return listener

    def udp(self, port=0, source=None):
        """A Datagrams at that port, or at one of the stack's choice; source: the address it was bound to."""
        if not port:
            port = FIRST_PORT
            while any([d.port == port for d in self.datagrams]):
                port += 1
        made = Datagrams(self, port, source)
        self.datagrams.append(made)
        return made

    def syn(self, caller):
        """Somebody calls (tcp_host.Caller)."""
        if not self.present():
            return
        for flow in self.flows:
            if flow.other is caller:
                self.air.carry(True, _air.SYN_ACK, 0, flow, caller.answered, flow)
                return
        for listener in self.listeners:
            if listener.port == caller.port:
                if len(listener.queue) >= listener.backlog or not self._make_room():
                    return          # as lwIP: silence, the caller tries again
                flow = self.flow_class(self, caller.host, caller.own_port, 0, caller)
                flow.peer = caller.ip, caller.own_port
                self.flows.append(flow)
                listener.queue.append(flow)
                self.air.carry(True, _air.SYN_ACK, 0, flow, caller.answered, flow)
                return
        self.air.carry(True, _air.RST, 0, None, caller.refused, None)

    def _make_room(self):
        """Twelve connections at most; the oldest in TIME_WAIT makes room, those that still want to send do not."""
        for flow in list(self.flows):
            flow._settle()          # one whose FIN was acknowledged while nobody asked is over
        now_ms = self.kernel.now_ms
        self._time_waits = [at_ms for at_ms in self._time_waits if at_ms > now_ms]
        if len(self.flows) + len(self._time_waits) >= ACTIVE_MAX and self._time_waits:
            self._time_waits.pop(0)
        return len(self.flows) + len(self._time_waits) < ACTIVE_MAX

    def time_wait(self):
        self._time_waits.append(self.kernel.now_ms + TIME_WAIT_MS)

    def forget(self, flow):
        if flow in self.flows:
            self.flows.remove(flow)

    def address_lost(self, air=None):
        """The interface behind `air` (Wi-Fi if none is said) has lost its address, and everything that uses it ends."""
        for flow in list(self.flows):
            if flow.air is (air or self.air):
                flow.abort(ECONNABORTED)

    def reset(self):
        """The chip was reset: its connections are gone, their peers do not know."""
        for flow in list(self.flows):
            flow.abort(0)
        self.listeners = []
        self.datagrams = []
        self._time_waits = []

    def present(self):
        """Whether somebody is there to answer a segment for an unknown connection."""
        if self.wifi.soft_ap is not None:
            return True
        return self.wifi.has_address() if self.routes is None else self.routes.present()

    def ticks_from(self, at_ms, n):
        """The instant of the nth tick of lwIP's slow timer after at_ms."""
        return at_ms - (at_ms - self.phase_ms) % TICK_MS + n * TICK_MS
