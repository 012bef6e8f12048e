"""When a last will is published, and when not."""

import time

from mqtt_clients import Raw, is_publish, subscribe_packet


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
