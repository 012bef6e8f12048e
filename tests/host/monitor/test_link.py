"""The link: brokers that speak no MQTT, TLS with and without trust, wrong passwords, two monitors of one name."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time

import pytest
from waiting import until
from test_collecting import rows

from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from holdfast_bench.errors import BenchError
from holdfast_bench.monitor.settings import load

needs_mosquitto = pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed")


@pytest.mark.parametrize("speech", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x05", b"\x20\x03\x00\x87\x00", b"\x30\xff\xff\xff\xff\xff", b""])
def test_a_peer_that_is_no_broker_is_left_and_tried_again(monitors, speech):
    with socket.create_server(("127.0.0.1", 0)) as server:
        dials = []

        def serve():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                dials.append(time.monotonic())
                peer.recv(1000)
                peer.sendall(speech)
                time.sleep(0.05)
                peer.close()
        threading.Thread(target=serve, daemon=True).start()
        monitor = monitors(broker="127.0.0.1:%d" % server.getsockname()[1])
        until(lambda: len(dials) >= 2, 60)
        assert monitor.live() and not monitor.ready()[0] and monitor.link.why_down
        monitors.stop(monitor)


@needs_mosquitto
def test_a_wrong_password_is_told_and_is_not_hammered(monitors):
    with Mosquitto(users={"monitor": "right"}) as broker:
        monitor = monitors(broker="%s:%d" % (broker.host, broker.port), user="monitor", password_file="/dev/null")
        until(lambda: monitor.link.failures >= 2, 60)
        assert "refuses the login" in monitor.link.why_down
        failures = monitor.link.failures
        time.sleep(2)
        assert monitor.link.failures - failures <= 4


@needs_mosquitto
def test_two_monitors_of_one_name_are_told_so(monitors, broker, tmp_path):
    first = monitors()
    until(lambda: first.link.connected)
    second = monitors(database=str(tmp_path / "other.db"))
    until(lambda: any("name" in line and "of its own" in line for m in (first, second) for line in m.lines()), 60)


@pytest.fixture
def certificates(tmp_path):
    """(CA file, server certificate, key) for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject, issuer, key, signer, *extensions):
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key()).serial_number(
            x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    (tmp_path / "ca.pem").write_bytes(certificate("test CA", "test CA", ca_key, ca_key, (x509.BasicConstraints(True, 0), True), (usage, True)))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (tmp_path / "server.pem").write_bytes(certificate("broker", "test CA", key, ca_key, (alternative, False)))
    (tmp_path / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return [str(tmp_path / f) for f in ("ca.pem", "server.pem", "server.key")]


@needs_mosquitto
def test_tls_is_used_and_checked(monitors, certificates, tmp_path):
    ca, certificate, key = certificates
    with Mosquitto(extra=("certfile %s" % certificate, "keyfile %s" % key)) as broker:
        at = "%s:%d" % (broker.host, broker.port)
        stranger = monitors(broker=at, tls=True, name="s", database=str(tmp_path / "s.db"))
        until(lambda: "certificate does not pass" in stranger.link.why_down)
        monitor = monitors(broker=at, tls=True, ca=ca)
        until(lambda: monitor.link.connected)
        import paho.mqtt.client as paho
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.tls_set(ca, cert_reqs=ssl.CERT_REQUIRED)
        client.connect(broker.host, broker.port)
        client.loop_start()
        for n in range(1, 1001):
            info = client.publish("holdfast/hf-1/x", '{"i":%d,"b":1,"p":"%s"}' % (n, "x" * 500), 1)
            if n % 100 == 0:
                info.wait_for_publish(10)
        until(lambda: len(rows(monitor, "seq")) == 1000)
        client.loop_stop()


def test_tls_files_that_do_not_exist_are_one_clear_error(tmp_path):
    with pytest.raises(BenchError, match="TLS: /none/ca.pem cannot be used"):
        load(tls=True, ca="/none/ca.pem").tls_context()


def test_mqtt_311_brokers_are_served_too(monitors, nodes):
    """The built-in broker speaks no MQTT 5."""
    from holdfast_bench.drivers.broker_builtin import BuiltinBroker
    with BuiltinBroker() as broker:
        monitor = monitors(broker="%s:%d" % (broker.host, broker.port))
        until(lambda: monitor.link.connected)
        assert monitor.link.version == 4
        broker.publish("holdfast/hf-1/x", b'{"i":1,"b":1,"p":"x"}', qos=1)
        until(lambda: len(rows(monitor, "seq")) == 1)
