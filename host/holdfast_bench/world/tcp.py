"""Modelled TCP: the stream machinery that both ends of a connection share – windows, acknowledgements, retransmission, order.

What a segment may meet on its way is air.py's business, the chip's end is tcp_chip.py's, the Linux end tcp_host.py's. A timer runs only
where a segment was lost or the air is not clean, so a healthy exchange costs one kernel event a segment; plain acknowledgements are
worked out when somebody asks. Common subset of CPython and MicroPython. May use: kernel, air, lwip.
"""

from . import air as _air
from .lwip import MSS

CWND = 4 * MSS
DUPLICATE_ACKS = 3      # trigger a fast retransmission

NOT_WANTED, WANTED, SENT, ACKNOWLEDGED = range(4)   # of our FIN


class End:
    """One end of a connection: sends a byte stream with retransmission, receives one in order. `other` is the far end.

    Byte numbers begin at 0 in each direction; our FIN takes the number behind the last byte. What differs between operating systems is the
    subclass's: up (our segments travel from the chip), ack_delay_ms, tries_max, nodelay; _time_out_at_ms(), window(), hears(answer); and what it makes of
    deliver(data), delivered_fin(), give_up(), _fin_acknowledged().
    """

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
