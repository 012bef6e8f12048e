"""What a client can expect of messages: QoS, order, filters, retained ones."""

import pytest

from mqtt_clients import Paho, Raw, is_publish, publish_packet, subscribe_packet


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
