"""One client's session in the broker: subscriptions, the in-flight window, the queue, what QoS 2 has half delivered.

Outlives the connection when the client asked for it (clean session 0). Knows packets, not routing, time or sockets.
Common subset of CPython and MicroPython.
"""

from . import mqtt


class Session:
    def __init__(self, client_id, clean, max_inflight, max_queued):
        self.client_id = client_id
        self.clean = clean
        self.max_inflight = max_inflight
        self.max_queued = max_queued
        self.link = None            # the open connection, None while the client is away
        self.subs = []              # [filter, qos]; the order of subscribing
        self.inflight = []          # [pid, PUBLISH as bytearray, or None once only PUBREL is owed], oldest first
        self.queue = []             # (topic, payload, qos, retain), waiting for room in the window
        self.half = {}              # packet id -> (topic, payload, retain, dup) of QoS 2 that awaits PUBREL
        self.dropped = 0            # messages the full queue turned away
        self.last_pid = 0

    def _take_pid(self):
        while True:
            self.last_pid = self.last_pid % 65535 + 1
            for entry in self.inflight:
                if entry[0] == self.last_pid:
                    break
            else:
                return self.last_pid

    def deliver(self, topic, payload, qos, retain):
        """Hand a message to the client: now, or when its window and its connection allow. QoS 0 is for connected clients only."""
        link = self.link
        if qos == 0:
            if link:
                link.send_if_room(mqtt.publish(topic, payload, 0, retain, 0))
        elif link and not self.queue and len(self.inflight) < self.max_inflight:
            self._transmit(topic, payload, qos, retain)
        elif len(self.queue) < self.max_queued:
            self.queue.append((topic, payload, qos, retain))
        else:
            self.dropped += 1

    def _transmit(self, topic, payload, qos, retain):
        pid = self._take_pid()
        packet = mqtt.publish(topic, payload, qos, retain, pid)
        self.inflight.append([pid, packet])
        self.link.send(bytes(packet))

    def resume(self):
        """The client is back with its session: everything unacknowledged again, in its old order (section 4.4), then the queue."""
        for pid, packet in self.inflight:
            if packet is None:
                self.link.send(bytes((0x62, 2, pid >> 8, pid & 255)))
            else:
                packet[0] |= 8
                self.link.send(bytes(packet))
        self._refill()

    def _refill(self):
        while self.queue and self.link and len(self.inflight) < self.max_inflight:
            topic, payload, qos, retain = self.queue.pop(0)
            self._transmit(topic, payload, qos, retain)

    def acknowledged(self, pid):
        """PUBACK or PUBCOMP: the message is done. An unknown id is ignored."""
        inflight = self.inflight
        for i in range(len(inflight)):
            if inflight[i][0] == pid:
                inflight.pop(i)
                break
        if self.queue:
            self._refill()

    def received(self, pid):
        """PUBREC: forget the content, owe a PUBREL. Answered for unknown ids too, or the client would wait for ever."""
        for entry in self.inflight:
            if entry[0] == pid:
                entry[1] = None
        self.link.send(bytes((0x62, 2, pid >> 8, pid & 255)))

    def subscribe(self, pattern, qos):
        """Add or replace a subscription (section 3.8.4)."""
        for sub in self.subs:
            if sub[0] == pattern:
                sub[1] = qos
                return
        self.subs.append([pattern, qos])

    def unsubscribe(self, pattern):
        for i in range(len(self.subs)):
            if self.subs[i][0] == pattern:
                self.subs.pop(i)
                return
