"""One client connection of the broker: framing, the rules of MQTT 3.1.1 for what may come when, acknowledgements.

Bytes in through `feed`, bytes out through the wire it was given: write(data), close(), abort(), pause(on), backlog().
Malformed input closes this connection only. Time is broker.now_ms. Common subset of CPython and MicroPython.
"""

from . import mqtt
from .mqtt import Malformed

CONNECT_LIMIT_MS = 90_000       # a connection that never sends CONNECT
HELD_LIMIT = 65536              # bytes kept behind a withheld CONNACK; then the client is made to wait
BACKLOG_LIMIT = 65536           # bytes a slow client may owe before QoS 0 messages to it are dropped


class Link:
    def __init__(self, broker, wire):
        self.broker = broker
        self.wire = wire
        self.session = None         # set by an accepted CONNECT
        self.open = True
        self.limit_ms = CONNECT_LIMIT_MS    # silence allowed: 1.5 x keep-alive once connected, 0: for ever
        self.heard_at_ms = broker.now_ms
        self.will = None            # (topic, payload, qos, retain)
        self.held = False           # CONNECT is not answered for now
        self._rest = b""            # the beginning of a packet
        self._kept = []             # pieces that came behind a CONNECT that is not answered
        self._kept_size = 0

    def feed(self, data, now_ms):
        """Bytes from the client. Whatever they cause has been written when this returns."""
        broker = self.broker
        broker.now_ms = now_ms
        if self.held:
            self._hold(data)
            return
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, end = 0, len(data)
        try:
            while end - at >= 2 and self.open:
                head = data[at]
                size = data[at + 1]
                body = at + 2
                if self.session is None and head != 0x10:
                    raise Malformed("%s before CONNECT" % mqtt.NAMES[head >> 4])
                if size > 127:
                    size, body = _long_size(data, at + 1, end)
                    if not body:
                        break
                    if size > broker.max_packet:
                        raise Malformed("packet of %d bytes" % size)
                stop = body + size
                if stop > end:
                    break
                self.heard_at_ms = now_ms
                if self.session is None:
                    if broker.faults.hold_connack:
                        broker.faults.held += 1
                        self.held = True
                        self._hold(data[at:])
                        return
                    self._connect(data, body, stop)
                else:
                    _HANDLERS[head >> 4](self, head, data, body, stop)
                at = stop
        except Malformed as e:
            broker.malformed += 1
            self.close("malformed: %s" % e)
        except IndexError:
            broker.malformed += 1
            self.close("malformed: packet cut short")
        if at < end and self.open:
            self._rest = data[at:]

    def _hold(self, data):
        # In pieces, as they came: one long string would have to be found room for at every piece.
        self._kept.append(data)
        self._kept_size += len(data)
        if self._kept_size > HELD_LIMIT:
            self.wire.pause(True)

    def go_on(self):
        """The CONNACK is withheld no longer: process what has come in since."""
        if self.held:
            self.held = False
            pieces, self._kept, self._kept_size = self._kept, [], 0
            for piece in pieces:
                self.feed(piece, self.broker.now_ms)
            self.wire.pause(False)

    # -- out -----------------------------------------------------------------------------------------------------------

    def send(self, packet):
        if not self.open:
            return
        faults = self.broker.faults
        if faults.armed:
            faults.send(self, packet)
        else:
            self.wire.write(packet)

    def send_if_room(self, packet):
        """QoS 0: dropped, and counted, for a client that does not keep up."""
        if self.wire.backlog() > BACKLOG_LIMIT:
            self.broker.dropped_qos0 += 1
        else:
            self.send(bytes(packet))

    # -- the end -------------------------------------------------------------------------------------------------------

    def close(self, why, reset=False):
        """The broker ends the connection; the will is published unless DISCONNECT cleared it."""
        if self.open:
            if reset:
                self.wire.abort()
            else:
                self.wire.close()
            self.broker.link_ended(self, why)

    def lost(self, now_ms, why="connection lost"):
        """The wire reports that the connection is gone."""
        if self.open:
            self.broker.now_ms = now_ms
            self.broker.link_ended(self, why)

    # -- packets -------------------------------------------------------------------------------------------------------

    def _connect(self, data, at, stop):
        broker = self.broker
        name, at = mqtt.text_at(data, at, stop)
        level, flags, keepalive_s = data[at], data[at + 1], data[at + 2] << 8 | data[at + 3]
        at += 4
        if not (name == b"MQTT" and level == 4 or name == b"MQIsdp" and level == 3):
            if name != b"MQTT" and name != b"MQIsdp":
                raise Malformed("unknown protocol name")
            self._refuse(mqtt.BAD_PROTOCOL)
            return
        if flags & 1:
            raise Malformed("reserved flag of CONNECT")
        client_id, at = mqtt.text_at(data, at, stop)
        mqtt.check_text(client_id)
        will = user = password = None
        if flags & 4:
            topic, at = mqtt.text_at(data, at, stop)
            mqtt.check_topic(topic)
            payload, at = mqtt.text_at(data, at, stop)
            if flags & 0x18 == 0x18:
                raise Malformed("will QoS 3")
            will = (topic, payload, flags >> 3 & 3, flags >> 5 & 1)
        elif flags & 0x38:
            raise Malformed("will flags without a will")
        if flags & 0x80:
            user, at = mqtt.text_at(data, at, stop)
            mqtt.check_text(user)
        if flags & 0x40:
            if not flags & 0x80:
                raise Malformed("password without user name")
            password, at = mqtt.text_at(data, at, stop)
        if at != stop:
            raise Malformed("bytes behind CONNECT")
        clean = bool(flags & 2)
        if not client_id and not clean:
            self._refuse(mqtt.ID_REFUSED)
            return
        code = broker.faults.refuses() if broker.faults.refuse_left else 0
        if not code and not broker.may_connect(user, password):
            code = mqtt.NOT_AUTHORISED
        if code:
            self._refuse(code)
            return
        self.limit_ms = keepalive_s * 1500
        self.will = will
        session, present = broker.admit(self, client_id, clean)
        self.session = session
        self.send(mqtt.connack(mqtt.ACCEPTED, present))
        if self.open and present:
            session.resume()

    def _refuse(self, code):
        self.send(mqtt.connack(code))
        self.broker.refused += 1
        self.close("refused with code %d" % code)

    def _publish(self, head, data, at, stop):
        qos = head >> 1 & 3
        body = at + 2 + (data[at] << 8 | data[at + 1])
        topic = data[at + 2:body]
        if qos == 0:
            if body > stop:
                raise Malformed("topic cut short")
            self.broker.route(self, topic, data[body:stop], 0, head & 1, 0)
            return
        high, low = data[body], data[body + 1]
        if body + 2 > stop or qos == 3 or not (high or low):
            raise Malformed("PUBLISH with QoS %d, id %d" % (qos, high << 8 | low))
        if qos == 1:
            self.broker.route(self, topic, data[body + 2:stop], 1, head & 1, head & 8)
            self.send(bytes((0x40, 2, high, low)))
            return
        pid = high << 8 | low
        half = self.session.half
        payload = data[body + 2:stop]
        held = half.get(pid)
        if not held or held[0] != topic or held[1] != payload:  # another message: as mosquitto, which takes the id for used again and drops the first
            if not held and len(half) >= self.broker.max_half:
                raise Malformed("more than %d QoS 2 messages half delivered" % len(half))
            mqtt.check_topic(topic)
            half[pid] = (topic, payload, head & 1, head & 8)
        self.send(bytes((0x50, 2, high, low)))

    def _puback(self, head, data, at, stop):
        self.session.acknowledged(_only_pid(head, 0, data, at, stop))

    def _pubrec(self, head, data, at, stop):
        self.session.received(_only_pid(head, 0, data, at, stop))

    def _pubrel(self, head, data, at, stop):
        pid = _only_pid(head, 2, data, at, stop)
        message = self.session.half.pop(pid, None)
        if message:
            topic, payload, retain, dup = message
            self.broker.route(self, topic, payload, 2, retain, dup)
        self.send(bytes((0x70, 2, pid >> 8, pid & 255)))

    def _subscribe(self, head, data, at, stop):
        pid = _first_pid(head, 2, data, at, stop)
        at += 2
        wanted = []
        while at < stop:
            pattern, at = mqtt.text_at(data, at, stop)
            if at >= stop or data[at] > 2:
                raise Malformed("subscription without a QoS of 0 to 2")
            wanted.append((pattern, mqtt.filter_levels(pattern), data[at]))
            at += 1
        if not wanted:
            raise Malformed("SUBSCRIBE without a filter")
        self.broker.subscribe(self.session, wanted)
        self.send(mqtt.suback(pid, [qos for _, _, qos in wanted]))
        for _, levels, qos in wanted:
            self.broker.send_retained(self.session, levels, qos)

    def _unsubscribe(self, head, data, at, stop):
        pid = _first_pid(head, 2, data, at, stop)
        at += 2
        if at >= stop:
            raise Malformed("UNSUBSCRIBE without a filter")
        while at < stop:
            pattern, at = mqtt.text_at(data, at, stop)
            mqtt.filter_levels(pattern)
            self.broker.unsubscribe(self.session, pattern)
        self.send(bytes((0xb0, 2, pid >> 8, pid & 255)))

    def _pingreq(self, head, data, at, stop):
        _nothing(head, at, stop)
        self.send(mqtt.PING_ANSWER)

    def _disconnect(self, head, data, at, stop):
        _nothing(head, at, stop)
        self.will = None
        self.close("disconnect")

    def _forbidden(self, head, data, at, stop):
        raise Malformed("unexpected %s" % mqtt.NAMES[head >> 4])


def _long_size(data, at, end):
    """(remaining length, index of the body) for a length of more than one byte; body 0: it is not all there yet."""
    size = shift = 0
    while at < end:
        b = data[at]
        at += 1
        size |= (b & 127) << shift
        if b < 128:
            return size, at
        shift += 7
        if shift > 21:
            raise Malformed("remaining length of more than four bytes")
    return 0, 0


def _first_pid(head, flags, data, at, stop):
    if head & 15 != flags:
        raise Malformed("flags of %s" % mqtt.NAMES[head >> 4])
    if at + 2 > stop:
        raise Malformed("packet id missing")
    pid = data[at] << 8 | data[at + 1]
    if not pid:
        raise Malformed("packet id 0")
    return pid


def _only_pid(head, flags, data, at, stop):
    if stop - at != 2:
        raise Malformed("%s of %d bytes" % (mqtt.NAMES[head >> 4], stop - at))
    return _first_pid(head, flags, data, at, stop)


def _nothing(head, at, stop):
    if head & 15 or at != stop:
        raise Malformed("%s with content" % mqtt.NAMES[head >> 4])


_HANDLERS = (Link._forbidden, Link._forbidden, Link._forbidden, Link._publish, Link._puback, Link._pubrec, Link._pubrel,
             Link._puback, Link._subscribe, Link._forbidden, Link._unsubscribe, Link._forbidden, Link._pingreq,
             Link._forbidden, Link._disconnect, Link._forbidden)
