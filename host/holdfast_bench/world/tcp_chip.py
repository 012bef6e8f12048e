"""The chip's side of modelled TCP, as lwIP behaves with ESP-IDF's defaults: its end of each connection, and the stack that makes them.

The shape is the socket back-end of docs/architecture.md; world/tcp_host.py is the other side. Common subset of CPython and MicroPython.
May use: tcp, air, lwip, routes, udp.
"""

from . import air as _air
from .lwip import ARP_TIMEOUT_MS, DEAD, DIALING, ECONNABORTED, ECONNRESET, EHOSTUNREACH, ENOBUFS, OPEN, RCV_WND, SND_BUF, SND_LOWAT
from .routes import Routes
from .tcp import ACKNOWLEDGED, NOT_WANTED, WANTED, End
from .udp import FIRST_PORT, Datagrams

TICK_MS = 500           # lwIP's slow timer: everything below happens at one of its ticks
RTO_TICKS = 3           # 1.5 s, to which round trips beyond half a second add
BACKOFF = (1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7)      # the time-out is shifted by this after each retransmission
TRIES_MAX = 12          # retransmissions, and SYNs
ACK_DELAY_MS = 125      # lwIP acknowledges at its fast timer, every 250 ms: the mean
ACTIVE_MAX = 12         # connections including TIME_WAIT that MicroPython's build allows
TIME_WAIT_MS = 120_000


class Flow(End):
    """A connection seen from the chip; the shape is described in docs/architecture.md (socket back-end)."""

    up = True
    ack_delay_ms = ACK_DELAY_MS
    tries_max = TRIES_MAX
    nodelay = False

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


class Listener:
    """A listening TCP port of the chip. queue: flows that are open and not accepted yet."""

    def __init__(self, stack, port, backlog):
        self.stack = stack
        self.port = port
        self.backlog = backlog
        self.queue = []

    def close(self):
        if self in self.stack.listeners:
            self.stack.listeners.remove(self)
        for flow in self.queue:
            flow.close()
        self.queue = []


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
        self.on_crowd = None        # hears of one that there is no room for: on_crowd(how many of the twelve are closed, but not acknowledged)
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
            if self.on_crowd is not None:
                self.on_crowd(len([flow for flow in self.flows if flow._closed]))
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
