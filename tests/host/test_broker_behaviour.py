"""What a client can expect of the broker. The same tests run against the built-in broker and, where it is installed,
against mosquitto: the two must agree, so that a verdict does not depend on which one was there."""

import itertools
import time

import pytest

from holdfast_bench.drivers.broker_builtin import BuiltinBroker
from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from mqtt_clients import Paho, Raw, ack_packet, connect_packet, packet, publish_packet, subscribe_packet, text

KINDS = ["builtin", pytest.param("mosquitto", marks=pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"))]
CLASSES = {"builtin": BuiltinBroker, "mosquitto": Mosquitto}
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=KINDS)
def broker(request):
    with CLASSES[request.param]() as b:
        yield b


@pytest.fixture(params=KINDS)
def own_broker(request):
    """One for tests that stop it."""
    with CLASSES[request.param]() as b:
        yield b


@pytest.fixture
def name():
    """A client id and topic root that no other test uses."""
    return "t%d" % next(_numbers)


@pytest.fixture
def watcher(broker, name):
    with Raw(broker) as w:
        w.connect(name + "watcher")
        w.send(subscribe_packet(1, (name + "/will", 1))).recv()
        yield w


def is_publish(got, topic, payload, qos=None, dup=None, retain=None):
    head, body = got
    size = int.from_bytes(body[:2], "big")
    assert head >> 4 == 3, "packet type %d" % (head >> 4)
    assert body[2:2 + size] == topic.encode()
    got_qos = head >> 1 & 3
    assert body[2 + size + (2 if got_qos else 0):] == payload
    assert qos is None or got_qos == qos
    assert dup is None or bool(head & 8) == dup
    assert retain is None or bool(head & 1) == retain
    return int.from_bytes(body[2 + size:4 + size], "big") if got_qos else None


# -- connecting --------------------------------------------------------------------------------------------------------

def test_clean_session_is_accepted_and_never_present(broker, name):
    for _ in range(2):
        with Raw(broker) as c:
            assert c.connect(name, clean=True) == (False, 0)


def test_kept_session_is_present_the_second_time(broker, name):  # R15
    for present in (False, True, True):
        with Raw(broker) as c:
            assert c.connect(name, clean=False) == (present, 0)
            c.send(b"\xe0\x00")


def test_clean_connect_ends_a_kept_session(broker, name):
    for clean, present in ((False, False), (True, False), (False, False)):
        with Raw(broker) as c:
            assert c.connect(name, clean=clean) == (present, 0)


def test_empty_client_id_needs_a_clean_session(broker):
    with Raw(broker) as c:
        assert c.connect("", clean=True) == (False, 0)
    with Raw(broker) as c:
        assert c.connect("", clean=False) == (False, 2)
        assert c.closed()


def test_mqtt_31_is_accepted_and_unknown_levels_are_refused_with_1(broker, name):
    with Raw(broker) as c:
        assert c.connect(name, level=3, name="MQIsdp") == (False, 0)
    with Raw(broker) as c:
        assert c.connect(name, level=9) == (False, 1)
        assert c.closed()


@pytest.mark.parametrize("kind", KINDS)
def test_login_is_checked(kind, name):  # R21
    with CLASSES[kind](users={"node": "secret"}) as b:
        for user, password, code in (("node", "secret", 0), ("node", "wrong", 5), ("other", "secret", 5), (None, None, 5)):
            with Raw(b) as c:
                assert c.connect(name, user=user, password=password) == (False, code)
                assert code == 0 or c.closed()


def test_second_client_with_the_same_id_takes_over(broker, name):
    with Raw(broker) as first, Raw(broker) as second:
        first.connect(name)
        assert second.connect(name) == (False, 0)
        assert first.closed()
        second.send(b"\xc0\x00")
        assert second.recv() == (0xd0, b"")


@pytest.mark.parametrize("first_clean,second_clean", [(True, True), (True, False), (False, True), (False, False)])
def test_takeover_publishes_the_old_will_unless_the_session_goes_on(broker, name, watcher, first_clean, second_clean):  # R17
    goes_on = not first_clean and not second_clean
    with Raw(broker) as first, Raw(broker) as second:
        first.connect(name, clean=first_clean, will=(name + "/will", b"gone", 0, False))
        assert second.connect(name, clean=second_clean) == (goes_on, 0)
        assert first.closed()
        if goes_on:
            assert watcher.quiet()
        else:
            is_publish(watcher.recv(), name + "/will", b"gone")


def test_publish_may_follow_connect_before_connack(broker, name):
    with Raw(broker) as c:
        c.send(connect_packet(name) + publish_packet(name + "/a", b"1", 1, 7) + publish_packet(name + "/a", b"2", 1, 8))
        assert c.recv() == (0x20, b"\x00\x00")
        assert c.recv() == (0x40, b"\x00\x07")
        assert c.recv() == (0x40, b"\x00\x08")


def test_packets_may_arrive_byte_by_byte(broker, name):
    with Raw(broker) as c:
        for b in connect_packet(name) + publish_packet(name + "/a", b"x" * 200, 1, 300):
            c.send(bytes((b,)))
        assert c.recv() == (0x20, b"\x00\x00")
        assert c.recv() == (0x40, b"\x01\x2c")


def test_ping_is_answered(broker, name):  # R13
    with Raw(broker) as c:
        c.connect(name)
        assert c.send(b"\xc0\x00").recv() == (0xd0, b"")


# -- messages ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("published,subscribed", [(p, s) for p in (0, 1, 2) for s in (0, 1, 2)])
def test_qos_delivered_is_the_lower_of_both(broker, name, published, subscribed):  # R16
    with Paho(broker, name + "s") as sub, Paho(broker, name + "p") as pub:
        assert sub.subscribe((name + "/#", subscribed)) == [subscribed]
        pub.publish(name + "/x", b"payload", published)
        assert sub.get() == (name + "/x", b"payload", min(published, subscribed), False)
        assert sub.quiet()


def test_order_is_kept_per_qos(broker, name):
    with Paho(broker, name + "s") as sub, Paho(broker, name + "p") as pub:
        for qos in (0, 1, 2):
            sub.subscribe((name + "/%d" % qos, 2))
            infos = [pub.client.publish(name + "/%d" % qos, str(i), qos) for i in range(100)]
            infos[-1].wait_for_publish(5)
            assert [sub.get()[1] for _ in range(100)] == [str(i).encode() for i in range(100)]


def test_filters_match_as_the_standard_says(broker, name):
    cases = [("a/+", "a/b", True), ("a/+", "a/b/c", False), ("a/+", "a", False), ("a/#", "a", True), ("a/#", "a/b/c", True),
             ("+/+", "/x", True), ("/+", "/x", True), ("+", "/x", False), ("a/+/c", "a//c", True), ("a", "a/", False),
             ("a/+/#", "a/b", True), ("a/+/#", "a", False)]
    for i, (pattern, topic, hit) in enumerate(cases):
        root = "%s-%d/" % (name, i)
        with Raw(broker) as c:
            c.connect(root)
            c.send(subscribe_packet(1, (root + pattern, 0))).recv()
            c.send(publish_packet(root + topic, b"m"))
            c.send(b"\xc0\x00")
            got = c.recv()
            assert (got[0] >> 4 == 3) == hit, (pattern, topic)


def test_dollar_topics_are_not_for_wildcards(broker, name):
    with Raw(broker) as c:
        c.connect(name)
        c.send(subscribe_packet(1, ("+/%s" % name, 0))).recv()
        c.send(publish_packet("$x/%s" % name, b"m") + publish_packet("x/%s" % name, b"n"))
        is_publish(c.recv(), "x/%s" % name, b"n")


def test_overlapping_subscriptions_deliver_once_with_the_highest_qos(broker, name):
    with Raw(broker) as c:
        c.connect(name)
        c.send(subscribe_packet(1, (name + "/+", 0), (name + "/x", 1), (name + "/#", 0))).recv()
        c.send(publish_packet(name + "/x", b"m", 1, 5))
        got = [c.recv(), c.recv()]
        is_publish([g for g in got if g[0] >> 4 == 3][0], name + "/x", b"m", qos=1)
        assert c.quiet()


def test_unsubscribe_stops_delivery(broker, name):
    with Paho(broker, name) as c:
        c.subscribe((name + "/x", 1))
        c.unsubscribe(name + "/x")
        c.publish(name + "/x", b"m", 1)
        assert c.quiet()


def test_subscribing_again_replaces_the_qos(broker, name):
    with Paho(broker, name) as c:
        c.subscribe((name + "/x", 2))
        c.subscribe((name + "/x", 0))
        c.publish(name + "/x", b"m", 2)
        assert c.get() == (name + "/x", b"m", 0, False)
        assert c.quiet()


def test_retained_message_is_kept_replaced_and_deleted(broker, name):  # R17
    with Paho(broker, name + "p") as pub:
        for payload in (b"one", b"two"):
            pub.publish(name + "/r", payload, 1, retain=True)
        with Paho(broker, name + "s") as sub:
            sub.subscribe((name + "/+", 1))
            assert sub.get() == (name + "/r", b"two", 1, True)
            pub.publish(name + "/r", b"three", 1, retain=True)
            assert sub.get() == (name + "/r", b"three", 1, False)
        pub.publish(name + "/r", b"", 1, retain=True)
        with Paho(broker, name + "s") as sub:
            sub.subscribe((name + "/+", 1))
            assert sub.quiet()


def test_retained_message_comes_again_with_every_subscribe(broker, name):
    with Paho(broker, name) as c:
        c.publish(name + "/r", b"m", 0, retain=True)
        for _ in range(2):
            c.subscribe((name + "/r", 0))
            assert c.get() == (name + "/r", b"m", 0, True)


def test_large_payload_arrives_whole(broker, name):
    payload = bytes(range(256)) * 600
    with Paho(broker, name) as c:
        c.subscribe((name + "/big", 1))
        c.publish(name + "/big", payload, 1)
        assert c.get() == (name + "/big", payload, 1, False)


# -- sessions ----------------------------------------------------------------------------------------------------------

def test_messages_queue_while_the_client_is_away(broker, name):  # R15
    with Raw(broker) as c:
        c.connect(name, clean=False)
        c.send(subscribe_packet(1, (name + "/#", 1))).recv()
    with Paho(broker, name + "p") as pub:
        for i in range(50):
            pub.publish(name + "/x", b"%d" % i, 1)
        pub.publish(name + "/x", b"qos 0 is not kept", 0)
    with Raw(broker) as c:
        assert c.connect(name, clean=False) == (True, 0)
        for i in range(50):
            pid = is_publish(c.recv(), name + "/x", b"%d" % i, qos=1)
            c.send(ack_packet(4, pid))
        assert c.quiet()


def test_not_more_than_twenty_are_sent_before_the_first_acknowledgement(broker, name):
    with Raw(broker) as c, Paho(broker, name + "p") as pub:
        c.connect(name)
        c.send(subscribe_packet(1, (name, 1))).recv()
        for i in range(25):
            pub.publish(name, b"%d" % i, 1)
        pids = [is_publish(c.recv(), name, b"%d" % i) for i in range(20)]
        assert c.quiet()
        c.send(ack_packet(4, pids[0]))
        is_publish(c.recv(), name, b"20")


def test_unacknowledged_is_sent_again_with_dup_and_the_same_id(broker, name):
    with Raw(broker) as c:
        c.connect(name, clean=False)
        c.send(subscribe_packet(1, (name, 1))).recv()
        c.send(publish_packet(name, b"a") + publish_packet(name, b"b", 1, 1) + publish_packet(name, b"c", 1, 2))
        got = [c.recv() for _ in range(5)]
        pids = [is_publish(g, name, p, dup=False) for g, p in zip([g for g in got if g[0] >> 4 == 3], (b"a", b"b", b"c"))]
        c.send(ack_packet(4, pids[1]))
        c.send(b"\xc0\x00")
        assert c.recv() == (0xd0, b"")
    with Raw(broker) as c:
        assert c.connect(name, clean=False) == (True, 0)
        assert is_publish(c.recv(), name, b"c", qos=1, dup=True) == pids[2]
        c.send(ack_packet(4, pids[2]))
        assert c.quiet()
    with Raw(broker) as c:
        c.connect(name, clean=False)
        assert c.quiet()


def test_qos2_from_a_client_is_published_once_at_pubrel(broker, name):  # R16
    with Raw(broker) as c, Raw(broker) as watcher:
        watcher.connect(name + "w")
        watcher.send(subscribe_packet(1, (name, 0))).recv()
        c.connect(name, clean=False)
        assert c.send(publish_packet(name, b"m", 2, 9)).recv() == (0x50, b"\x00\x09")
        assert c.send(publish_packet(name, b"m", 2, 9, dup=True)).recv() == (0x50, b"\x00\x09")
        assert watcher.quiet()
        assert c.send(ack_packet(6, 9)).recv() == (0x70, b"\x00\x09")
        is_publish(watcher.recv(), name, b"m")
        assert c.send(ack_packet(6, 9)).recv() == (0x70, b"\x00\x09")
        assert watcher.quiet()


def test_qos2_from_a_client_survives_a_lost_connection(broker, name):  # R16
    with Raw(broker) as watcher:
        watcher.connect(name + "w")
        watcher.send(subscribe_packet(1, (name, 2))).recv()
        with Raw(broker) as c:
            c.connect(name, clean=False)
            assert c.send(publish_packet(name, b"m", 2, 9)).recv() == (0x50, b"\x00\x09")
        with Raw(broker) as c:
            assert c.connect(name, clean=False) == (True, 0)
            assert c.send(publish_packet(name, b"m", 2, 9, dup=True)).recv() == (0x50, b"\x00\x09")
            assert c.send(ack_packet(6, 9)).recv() == (0x70, b"\x00\x09")
        is_publish(watcher.recv(), name, b"m")
        assert watcher.quiet()


def test_qos2_to_a_client_goes_on_where_it_was(broker, name):  # R16
    with Raw(broker) as c:
        c.connect(name, clean=False)
        c.send(subscribe_packet(1, (name, 2))).recv()
        with Paho(broker, name + "p") as pub:
            pub.publish(name, b"m", 2)
        pid = is_publish(c.recv(), name, b"m", qos=2)
    with Raw(broker) as c:
        c.connect(name, clean=False)
        assert is_publish(c.recv(), name, b"m", qos=2, dup=True) == pid
        assert c.send(ack_packet(5, pid)).recv() == (0x62, pid.to_bytes(2, "big"))
    with Raw(broker) as c:
        c.connect(name, clean=False)
        assert c.recv() == (0x62, pid.to_bytes(2, "big"))
        c.send(ack_packet(7, pid))
        assert c.quiet()
    with Raw(broker) as c:
        c.connect(name, clean=False)
        assert c.quiet()


def test_kept_sessions_survive_an_orderly_restart(own_broker, name):  # R15, R24
    with Raw(own_broker) as c:
        c.connect(name, clean=False)
        c.send(subscribe_packet(1, (name, 1))).recv()
        with Paho(own_broker, name + "p") as pub:
            pub.publish(name, b"kept", 1, retain=True)
        is_publish(c.recv(), name, b"kept")
        own_broker.stop()
        assert c.closed()
    with pytest.raises(OSError):
        Raw(own_broker)
    own_broker.start()
    with Raw(own_broker) as c:
        assert c.connect(name, clean=False) == (True, 0)
        is_publish(c.recv(), name, b"kept", qos=1, dup=True)
        c.send(subscribe_packet(2, (name, 1))).recv()
        is_publish(c.recv(), name, b"kept", retain=True)


def test_a_killed_broker_has_forgotten_its_sessions(own_broker, name):
    with Raw(own_broker) as c:
        c.connect(name, clean=False)
    own_broker.kill()
    own_broker.start()
    with Raw(own_broker) as c:
        assert c.connect(name, clean=False) == (False, 0)


# -- last will ---------------------------------------------------------------------------------------------------------

def test_will_when_the_connection_is_lost(broker, name, watcher):  # R17
    with Raw(broker) as c:
        c.connect(name, will=(name + "/will", b"gone", 1, True))
    is_publish(watcher.recv(), name + "/will", b"gone", qos=1, retain=False)
    with Raw(broker) as late:
        late.connect(name + "late")
        late.send(subscribe_packet(1, (name + "/will", 0))).recv()
        is_publish(late.recv(), name + "/will", b"gone", retain=True)


def test_no_will_after_disconnect(broker, name, watcher):  # R17
    with Raw(broker) as c:
        c.connect(name, will=(name + "/will", b"gone", 1, False))
        c.send(b"\xe0\x00")
        assert c.closed()
    assert watcher.quiet()


def test_will_when_the_client_breaks_the_protocol(broker, name, watcher):
    with Raw(broker) as c:
        c.connect(name, will=(name + "/will", b"gone", 0, False))
        c.send(b"\xf0\x00")
        assert c.closed()
    is_publish(watcher.recv(), name + "/will", b"gone")


def test_will_when_keepalive_is_exceeded_by_half(broker, name, watcher):  # R17, R13
    with Raw(broker) as c:
        began = time.monotonic()  # before CONNECT: the broker counts from when it reads that, not from when its answer is read here
        c.connect(name, keepalive=1, will=(name + "/will", b"gone", 0, False))
        is_publish(watcher.recv(10), name + "/will", b"gone")
        assert time.monotonic() - began > 1.4
        assert c.closed()


def test_pings_keep_a_connection_alive(broker, name, watcher):
    with Raw(broker) as c:
        c.connect(name, keepalive=1, will=(name + "/will", b"gone", 0, False))
        for _ in range(3):
            time.sleep(0.7)
            assert c.send(b"\xc0\x00").recv() == (0xd0, b"")
    is_publish(watcher.recv(), name + "/will", b"gone")


# -- malformed input ---------------------------------------------------------------------------------------------------

MALFORMED = {
    "reserved packet type 0": b"\x00\x00",
    "reserved packet type 15": b"\xf0\x00",
    "packet of the broker": b"\x20\x02\x00\x00",
    "second CONNECT": connect_packet("x"),
    "remaining length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "QoS 3": packet(0x36, text("a") + b"\x00\x01x"),
    "packet id 0": publish_packet("a", b"x", 1, 0),
    "topic with +": publish_packet("a/+", b"x"),
    "topic with #": publish_packet("#", b"x"),
    "empty topic": publish_packet("", b"x"),
    "topic longer than the packet": packet(0x30, b"\x00\x09a"),
    "topic not UTF-8": publish_packet("a", b"x").replace(b"a", b"\xff"),
    "PUBREL with wrong flags": b"\x60\x02\x00\x01",
    "SUBSCRIBE with wrong flags": packet(0x80, b"\x00\x01" + text("a") + b"\x00"),
    "SUBSCRIBE without filter": packet(0x82, b"\x00\x01"),
    "SUBSCRIBE with QoS 3": packet(0x82, b"\x00\x01" + text("a") + b"\x03"),
    "filter a#": subscribe_packet(1, ("a#", 0)),
    "filter #/a": subscribe_packet(1, ("#/a", 0)),
    "filter a+/b": subscribe_packet(1, ("a+/b", 0)),
    "empty filter": subscribe_packet(1, ("", 0)),
    "UNSUBSCRIBE without filter": packet(0xa2, b"\x00\x01"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_input_closes_that_client_only(broker, name, data):
    with Raw(broker) as good, Raw(broker) as bad:
        good.connect(name + "good")
        bad.connect(name)
        assert bad.send(data).closed()
        good.send(b"\xc0\x00")
        assert good.recv() == (0xd0, b"")


MALFORMED_FIRST = {
    "not CONNECT": publish_packet("a", b"x"),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "unknown protocol name": connect_packet("x", name="AMQP"),
    "reserved flag": packet(0x10, text("MQTT") + b"\x04\x03\x00\x3c" + text("x")),
    "will flags without will": packet(0x10, text("MQTT") + b"\x04\x0a\x00\x3c" + text("x")),
    "password without user": packet(0x10, text("MQTT") + b"\x04\x42\x00\x3c" + text("x") + text("pw")),
    "CONNECT cut short": packet(0x10, text("MQTT") + b"\x04\x02\x00"),
    "will QoS 3": connect_packet("x", will=("a", b"b", 3, False)),
}


@pytest.mark.parametrize("data", MALFORMED_FIRST.values(), ids=MALFORMED_FIRST.keys())
def test_malformed_first_packet_is_not_answered(broker, data):
    with Raw(broker) as bad:
        assert bad.send(data).closed()
