"""What the built-in broker can be told to do wrong. Every hook stays on until `clear()` or its count is used up.

`armed` is what the fast path asks. Hooks that act once (forget, kick, restart) are methods of the Broker.
Common subset of CPython and MicroPython.
"""

from . import mqtt

ACKS = ("puback", "pubrec", "pubrel", "pubcomp")


class Faults:
    def __init__(self, broker):
        self._broker = broker
        self._reset()

    def _reset(self):
        self.armed = False
        self.refuse_code = 0        # CONNACK code for everyone who would have been accepted
        self.refuse_left = 0
        self.hold_connack = False
        self.kick_after_ms = None   # close so long after CONNACK
        self.ack_kinds = ()
        self.drop_left = 0          # acknowledgements still to be dropped; -1 without end
        self.delay_ms = 0           # else each is late by this
        self.cut_kind = 0           # packet type to cut, 0: none
        self.cut_at = 0
        self.deaf = False
        self.dropped = 0            # acknowledgements dropped so far: the self-check that the fault took effect
        self.refused = 0
        self.held = 0
        self.kicked = 0
        self.cut = 0

    def refuse(self, code=mqtt.UNAVAILABLE, times=-1):
        """Answer the next `times` CONNECTs (-1: all) with CONNACK `code` (1 to 5) and close."""
        self.refuse_code, self.refuse_left, self.armed = code, times, True

    def withhold_connack(self):
        """Accept connections, never answer CONNECT, process nothing behind it. Ends with clear(): all are answered then."""
        self.hold_connack = self.armed = True

    def kick(self, after_ms=0):
        """Close every connection `after_ms` after its CONNACK."""
        self.kick_after_ms, self.armed = after_ms, True

    def drop_acks(self, times=-1, kinds=ACKS):
        """Process, but do not acknowledge, the next `times` packets (-1: all); `kinds` as named in mqtt.NAMES."""
        self.ack_kinds, self.drop_left, self.armed = _types(kinds), times, True

    def delay_acks(self, delay_ms, kinds=ACKS):
        """Send every acknowledgement of these kinds late. Their order stays; other packets overtake them."""
        self.ack_kinds, self.delay_ms, self.armed = _types(kinds), delay_ms, True

    def cut_packet(self, kind="publish", at=1):
        """Send only the first `at` bytes of the next packet of this kind, then close that connection."""
        self.cut_kind, self.cut_at, self.armed = mqtt.NAMES.index(kind), at, True

    def cut_none(self):
        """A packet that was to be cut and has not come yet is left whole."""
        self.cut_kind = 0

    def stop_reading(self):
        """Leave what clients send in the network, as a process that hangs does. Keep-alive is not enforced meanwhile."""
        self.deaf = self.armed = True
        for link in self._broker.links:
            link.wire.pause(True)

    def clear(self):
        """Heal everything: withheld CONNECTs are processed, reading goes on. Counters start again."""
        held, deaf = self.hold_connack, self.deaf
        self._reset()
        for link in list(self._broker.links):
            if deaf:
                link.wire.pause(False)
            if held and link.open:
                link.go_on()

    def refuses(self):
        """The CONNACK code to refuse this CONNECT with, 0 to let it pass."""
        if not self.refuse_left:
            return 0
        if self.refuse_left > 0:
            self.refuse_left -= 1
        self.refused += 1
        return self.refuse_code

    def send(self, link, packet):
        """Everything a link sends comes through here while armed."""
        kind = packet[0] >> 4
        if kind == self.cut_kind:
            self.cut_kind = 0
            self.cut += 1
            link.wire.write(packet[:self.cut_at])
            link.close("fault: cut in mid-packet")
            return
        if kind in self.ack_kinds:
            if self.drop_left:
                if self.drop_left > 0:
                    self.drop_left -= 1
                self.dropped += 1
                return
            if self.delay_ms:
                self._broker.after(self.delay_ms, _send_late, (link, packet))
                return
        link.wire.write(packet)
        if kind == mqtt.CONNACK and self.kick_after_ms is not None and packet[3] == mqtt.ACCEPTED:
            self._broker.after(self.kick_after_ms, _kick, link)


def _types(kinds):
    return tuple([mqtt.NAMES.index(kind) for kind in kinds])


def _send_late(pair):
    link, packet = pair
    if link.open:
        link.wire.write(packet)


def _kick(link):
    if link.open:
        link.broker.faults.kicked += 1
        link.close("fault: kicked")
