"""What a client can expect of its session: what is kept while it is away, sent again, finished."""

import pytest

from mqtt_clients import Paho, Raw, ack_packet, is_publish, publish_packet, subscribe_packet


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


def published_after_a_break(broker, name, first, again, dup):
    """A client sends `first` with QoS 2, its connection ends behind PUBREC; it comes back and sends `again` with the same packet id. What others get."""
    with Raw(broker) as watcher:
        watcher.connect(name + "w")
        watcher.send(subscribe_packet(1, (name, 2))).recv()
        with Raw(broker) as c:
            c.connect(name, clean=False)
            assert c.send(publish_packet(name, first, 2, 9)).recv() == (0x50, b"\x00\x09")
        with Raw(broker) as c:
            assert c.connect(name, clean=False) == (True, 0)
            assert c.send(publish_packet(name, again, 2, 9, dup=dup)).recv() == (0x50, b"\x00\x09")
            assert c.send(ack_packet(6, 9)).recv() == (0x70, b"\x00\x09")
        is_publish(watcher.recv(), name, again)
        assert watcher.quiet()


def test_qos2_from_a_client_survives_a_lost_connection(broker, name):  # R16
    published_after_a_break(broker, name, b"m", b"m", dup=True)


@pytest.mark.parametrize("dup", (False, True))
def test_qos2_from_a_client_that_has_lost_its_memory_replaces_what_was_half_delivered_under_the_same_id(broker, name, dup):  # R16
    published_after_a_break(broker, name, b"given up", b"another message", dup)


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
