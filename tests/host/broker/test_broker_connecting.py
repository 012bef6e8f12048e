"""What a client can expect when it connects, pings and takes over."""

import pytest

from mqtt_clients import Raw, connect_packet, is_publish, publish_packet


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


def test_login_is_checked(broker_class, name):  # R21
    with broker_class(users={"node": "secret"}) as b:
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
