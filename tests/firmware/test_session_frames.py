# The session in frames (R22): what it says to a gateway, what it makes of the answers, and what it repeats where datagrams get lost.
import json
from struct import pack

import holdfast.frames as frames
from holdfast.errors import Fault
from holdfast.rtt import Rtt
from holdfast.session_frames import FrameSession
from stand_ins import Device, End

CFG = {"id": "n1", "base": "holdfast", "keepalive_s": 30, "envelope": "json", "window": 16, "in_bytes": 256, "out_bytes": 1536, "ping_s": 8,
       "suspect_ms": 1500, "probe_ms": 400, "pingresp_ms": 1500, "connack_ms": 5000, "ack_ms": 20000, "burst": 128, "drain_per_s": 0}


class Gateway:
    # Reads what the session puts into `out`, and answers.
    def __init__(self, transport="tcp", **settings):
        self.device = Device()
        self.box = self.device.box
        self.told = []
        cfg = dict(CFG)
        cfg.update(settings)
        self.session = FrameSession(cfg, "holdfast/n1/", self.box, Rtt(1500, 1500, 400), self)
        self.session.begin(0, End({"user": "u", "password": "p", "transport": transport}))
        self.salt = 0

    def accepted(self, present):
        self.told.append(("accepted", present))

    def sent(self, seq, dup):
        pass

    def acked(self, seq):
        self.told.append(("acked", seq))

    def subscribed(self, refused):
        self.told.append(("subscribed", refused))

    def message(self, topic, payload):
        self.told.append((bytes(topic), bytes(payload)))

    def pid(self, number):
        return self.box.pid_of(number)

    # Everything written since the last call: (kind, sequence, payload).
    def said(self):
        out = self.session.out
        data = bytes(out.pending())
        out.wrote(len(data))
        found = []
        if data[3:4] == b"\3":
            decoder = frames.Decoder(lambda kind, seq, payload: found.append((kind, seq, bytes(payload))))
            decoder.feed(data[: frames.OVERHEAD + (data[4] << 8 | data[5])])
            self.salt = found[0][1]
            data = data[frames.OVERHEAD + (data[4] << 8 | data[5]) :]
        decoder = frames.Decoder(lambda kind, seq, payload: found.append((kind, seq, bytes(payload))), 1024, self.salt)
        decoder.feed(data)
        assert not decoder.skipped and not decoder.waiting
        return found

    def answer(self, kind, seq, payload=b"", now=10):
        data = frames.encode(kind, seq, payload, self.salt)
        self.session.receive(memoryview(data), len(data), now)

    def welcome(self):
        self.said()
        self.answer(frames.WELCOME, self.salt, b"\0\1")


def test_hello_first_and_messages_behind_it_at_once():
    g = Gateway()
    g.box.put("sensor/t", b"21.5", 1, 0)
    g.session.pump(0)
    hello, message = g.said()
    assert hello[0] == frames.HELLO and hello[1] == g.salt and g.salt
    assert json.loads(hello[2]) == {"id": "n1", "base": "holdfast", "b": 1, "keepalive_s": 30, "envelope": "json", "user": "u", "password": "p"}
    assert message[:2] == (frames.MESSAGE, g.pid(1))
    assert frames.open_message(message[2]) == (1, 1, 0, b"sensor/t", b"21.5", 0, 1)


def test_an_acknowledgement_frees_the_message_and_only_that():
    g = Gateway()
    for i in range(3):
        g.box.put("a", b"%d" % i, 1, 0)
    g.session.pump(0)
    g.welcome()
    assert g.told == [("accepted", 1)] and g.session.up
    g.answer(frames.ACK, g.pid(2), pack(">II", g.pid(3), 39999))  # and a stray one
    assert g.told[1:] == [("acked", 2), ("acked", 3)]
    assert g.box.waiting == 1 and g.session.proven


def test_a_refusal_is_the_fault_that_mqtt_has_for_it():
    for code, kind in ((1, "rejected"), (3, "refused"), (4, "auth"), (5, "auth"), (77, "protocol")):
        g = Gateway()
        g.said()
        try:
            g.answer(frames.WELCOME, g.salt, bytes((code, 0)))
            assert False
        except Fault as e:
            assert e.args[0] == kind


def test_a_message_from_above_is_handed_over_once_and_acknowledged_each_time():
    g = Gateway()
    g.welcome()
    body = frames.message(1, 0, 0, b"cmd/led", b"on")
    for _ in range(2):
        g.answer(frames.MESSAGE, 5, body)
    assert g.told[1:] == [(b"holdfast/n1/cmd/led", b"on")]
    assert g.said() == [(frames.ACK, 5, b"")] * 2


def test_a_broken_message_from_above_is_a_fault_of_the_protocol():
    g = Gateway()
    g.welcome()
    try:
        g.answer(frames.MESSAGE, 5, b"short")
        assert False
    except Fault as e:
        assert e.args[0] == "protocol"


def test_patterns_are_subscribed_and_a_refused_one_is_told():
    g = Gateway()
    g.welcome()
    assert g.session.subscribe([("cmd/+", 1), ("a/#", 0)], 10) == []
    assert g.said() == [(frames.SUBSCRIBE, 0, b"\1\5cmd/+\0\3a/#")]
    assert g.session.subscribe([("b", 1)], 10) == [("b", 1)]  # one after the other
    g.answer(frames.SUBSCRIBED, 0, b"\1\x80")
    assert g.told[1:] == [("subscribed", ["a/#"])]


def test_bye_ends_the_connection_and_loses_nothing():
    g = Gateway()
    g.box.put("a", b"1", 1, 0)
    g.session.pump(0)
    g.welcome()
    try:
        g.answer(frames.BYE, 0, b"the broker is lost")
        assert False
    except Fault as e:
        assert e.args == ("closed", "the broker is lost")
    assert g.box.waiting == 1


def test_silence_is_probed_and_then_believed():  # R12, R13
    g = Gateway()
    g.welcome()
    now = 10
    pings = 0
    try:
        while now < 60000:
            now += max(1, g.session.tick(now))
            pings += len([1 for kind, _, _ in g.said() if kind == frames.PING])
        assert False
    except Fault as e:
        assert e.args[0] == "gone"
    assert pings == 4 and 10000 < now < 14000, (pings, now)


def test_over_tcp_nothing_is_repeated():
    g = Gateway()
    g.box.put("a", b"1", 1, 0)
    g.session.pump(0)
    g.welcome()
    g.session.tick(900)
    g.session.pump(900)
    assert g.said() == []


def test_over_udp_a_lost_hello_is_repeated_with_the_messages():
    g = Gateway("udp")
    g.box.put("a", b"1", 1, 0)
    g.session.pump(0)
    assert [kind for kind, _, _ in g.said()] == [frames.HELLO, frames.MESSAGE]
    salt = g.salt
    assert g.session.tick(100) <= 400
    g.session.tick(600)
    g.session.pump(600)
    hello, message = g.said()
    assert hello[:2] == (frames.HELLO, salt) and frames.open_message(message[2])[0] == 1 | frames.DUP


def test_over_udp_a_lost_message_goes_out_again_and_the_others_are_told_apart():
    g = Gateway("udp")
    g.welcome()
    for i in range(3):
        g.box.put("a", b"%d" % i, 1, 0)
    g.session.pump(10)
    assert [seq for _, seq, _ in g.said()] == [g.pid(1), g.pid(2), g.pid(3)]
    g.answer(frames.ACK, g.pid(2), now=20)
    g.session.tick(30)
    g.session.tick(700)
    g.session.pump(700)
    again = g.said()
    assert [frames.open_message(body)[6] for _, _, body in again] == [1, 3]
    assert [frames.open_message(body)[0] for _, _, body in again] == [1 | frames.DUP] * 2
    g.answer(frames.ACK, g.pid(1), pack(">I", g.pid(3)), now=720)
    assert g.box.waiting == 0


def test_over_udp_a_datagram_stays_below_what_networks_carry():
    g = Gateway("udp", out_bytes=4096)
    g.welcome()
    for i in range(12):
        g.box.put("a", b"%d" % i * 60, 1, 0)
    g.session.pump(10)
    n = 0
    while g.session.out.end:
        assert g.session.out.end <= 1400
        n += len(g.said())
        g.session.pump(10)
    assert n == 12


def test_what_another_broker_knows_half_is_sent_again():  # R16: QoS 2 that began over MQTT; nobody may finish it there
    g = Gateway()
    g.box.put("a", b"1", 2, 0)
    g.box.load()
    g.box.take()
    g.box.received(g.pid(1))
    g.session.begin(0, End({"user": None, "password": None, "transport": "tcp"}))
    hello, message = g.said()
    assert frames.open_message(message[2])[0] == 2 | frames.DUP
