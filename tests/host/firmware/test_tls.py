"""TLS to a real mosquitto, on MicroPython's own sockets (R21): verified by default, each way of failing named, the loop never held up."""

import contextlib
import datetime
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from on_sockets import Program

from holdfast_bench.choices import choices
from holdfast_bench.drivers.broker_mosquitto import find_mosquitto, free_port
from holdfast_bench.gateway import Gateway
from holdfast_bench.places.brokers import start_broker
from holdfast_bench.places.services import Service

WORK = """
async def work():
    n = 0
    last = time.ticks_ms()
    while True:
        n += 1
        node.publish("s", str(n))
        await asyncio.sleep_ms(20)
        now = time.ticks_ms()
        if time.ticks_diff(now, last) > 300:
            print("stall", time.ticks_diff(now, last))
        last = now
node.run(work())
"""


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key, issuer_key, ca=False, days=(-1, 30)):
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days[0])).not_valid_after(now + datetime.timedelta(days[1]))
            .add_extension(x509.BasicConstraints(ca, None), True))
    if not ca:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), False)
    return made.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder: an authority, another one, a broker's and a node's certificate, and one that is over."""
    folder = tmp_path_factory.mktemp("keys")
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "other", "broker.test", "node", "over.test")}
    made = {name: certificate(name, name, keys[name], keys[name], ca=True) for name in ("ca", "other")}
    made.update({name: certificate(name, "ca", keys[name], keys["ca"], days=(-9, -2) if name == "over.test" else (-1, 30))
                 for name in ("broker.test", "node", "over.test")})
    for name, cert in made.items():
        (folder / (name + ".der")).write_bytes(cert.public_bytes(serialization.Encoding.DER))
        (folder / (name + ".pem")).write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    for name, key in keys.items():
        for end, encoding in ((".key.pem", serialization.Encoding.PEM), (".key.der", serialization.Encoding.DER)):
            (folder / (name + end)).write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    return folder


def mosquitto(folder, keys, name, more=""):
    port = free_port()
    (folder / "conf").write_text("listener %d 127.0.0.1\nallow_anonymous true\ncertfile %s/%s.pem\nkeyfile %s/%s.key.pem\nuser root\n%s"
                                 % (port, keys, name, keys, name, more))
    process = subprocess.Popen([find_mosquitto(), "-c", str(folder / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for listens in [port] + [int(line.split()[1]) for line in more.splitlines() if line.startswith("listener")]:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", listens), 1).close()
                break
            except OSError:
                time.sleep(0.05)
    return process, port


@pytest.fixture(scope="module")
def broker(tmp_path_factory, keys):
    process, port = mosquitto(tmp_path_factory.mktemp("broker"), keys, "broker.test")
    yield port
    process.kill()
    process.wait()


def node(tmp_path, port, interpreter="micropython", **tls):
    config = {"brokers": [{"host": "127.0.0.1", "port": port, "tls": {"name": "broker.test", **tls}}]}
    return Program(tmp_path, WORK, config, interpreter)


@pytest.mark.parametrize("interpreter", ["micropython", "micropython32"])
def test_verified_session_and_a_handshake_in_steps(tmp_path, broker, keys, interpreter):
    if not getattr(choices(), interpreter):
        pytest.skip("no such interpreter here")
    with node(tmp_path, broker, interpreter, ca=str(keys / "ca.der")) as n:
        for i in range(60):
            n.wait("ack %d" % (i + 1))
        assert not [line for line in n.seen if line.startswith(("err", "stall"))]


@pytest.mark.parametrize("tls, words", [
    ({"ca": "other.der"}, "not correctly signed by the trusted CA"),
    ({"ca": "ca.der", "name": "somebody.else"}, "does not match with the expected CN"),
    ({"ca": "none.der"}, "no file"),
])
def test_what_cannot_be_verified_is_refused_and_the_broker_barred(tmp_path, broker, keys, tls, words):
    with node(tmp_path, broker, **{**tls, "ca": str(keys / tls["ca"])}) as n:
        n.wait("state error")
        said = " ".join(n.seen)
        assert "err tls" in said and words in said
        with pytest.raises(AssertionError, match="no line"):
            n.wait("state dialing", limit_s=3)  # a human is wanted: no hammering


@pytest.mark.parametrize("interpreter", ["micropython", "micropython32"])
def test_websocket_in_tls(tmp_path, keys, interpreter):  # R22
    if not getattr(choices(), interpreter):
        pytest.skip("no such interpreter here")
    port = free_port()
    # Behind the first one: a mosquitto with this kind of listener alone does not start.
    more = "listener %d 127.0.0.1\nprotocol websockets\ncertfile %s/broker.test.pem\nkeyfile %s/broker.test.key.pem\n" % (port, keys, keys)
    process, _ = mosquitto(tmp_path, keys, "broker.test", more)
    config = {"brokers": [{"host": "127.0.0.1", "port": port, "transport": "ws", "tls": {"name": "broker.test", "ca": str(keys / "ca.der")}}]}
    try:
        with Program(tmp_path, WORK, config, interpreter) as n:
            for i in range(60):
                n.wait("ack %d" % (i + 1))
            assert not [line for line in n.seen if line.startswith(("err", "stall"))]
    finally:
        process.kill()
        process.wait()


def test_frames_in_tls(tmp_path, keys):  # R22, R33
    with contextlib.ExitStack() as stack:
        broker = start_broker("mosquitto", stack)
        service = Service()
        stack.callback(service.stop)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(keys / "broker.test.pem", keys / "broker.test.key.pem")
        gateway = service.call(Gateway(broker.address).start(("127.0.0.1", 0), tls=tls))
        config = {"brokers": [{"host": "127.0.0.1", "port": gateway.tcp_port, "protocol": "frames", "tls": {"name": "broker.test", "ca": str(keys / "ca.der")}}]}
        with Program(tmp_path, WORK, config) as n:
            for i in range(60):
                n.wait("ack %d" % (i + 1))
            assert not [line for line in n.seen if line.startswith(("err", "stall"))]


class Counted:
    """A port that leads to another one, and how many connections were made to it."""

    def __init__(self, port):
        self.made, self._to = 0, port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near = self._server.accept()[0]
                self.made += 1
                far = socket.create_connection(("127.0.0.1", self._to))
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(4096):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)

    def close(self):
        self._server.close()


FREE = """
import sys
class Esp32:
    HEAP_DATA = 4
    def idf_heap_info(kind):
        return [(200000, %d, %d, %d)]
sys.modules["esp32"] = Esp32
"""


@contextlib.contextmanager
def two_brokers(tmp_path, keys, free, heap_kb=None):
    """(the node with a standby over TLS, the process of its first broker, the port that leads to the second). free: the largest block of the heap that TLS lives in."""
    with contextlib.ExitStack() as stack:
        made = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            made.append(mosquitto(tmp_path / name, keys, "broker.test"))
            stack.callback(made[-1][0].wait)
            stack.callback(made[-1][0].kill)
        counted = Counted(made[1][1])
        stack.callback(counted.close)
        tls = {"name": "broker.test", "ca": str(keys / "ca.der")}
        config = {"standby_s": 600, "return_s": 0, "brokers": [{"host": "127.0.0.1", "port": port, "tls": tls} for port in (made[0][1], counted.port)]}
        yield stack.enter_context(Program(tmp_path, FREE % (free, free, free) + WORK, config, heap_kb=heap_kb)), made[0][0], counted


def test_standby_in_tls_is_ready_before_it_is_needed_and_is_what_the_switch_uses(tmp_path, keys):  # R21, R29
    with two_brokers(tmp_path, keys, 100_000) as (n, first, counted):
        n.wait("state online")
        end = time.monotonic() + 60
        while not counted.made:
            assert time.monotonic() < end
            time.sleep(0.05)
        for _ in range(40):     # the handshake is done meanwhile
            n.wait("ack ")
        first.kill()
        n.wait("err ")
        n.wait("state online")
        for i in range(20):
            n.wait("ack ")
        assert counted.made == 1, "no other connection was needed"
        acked = [int(line.split()[1]) for line in n.seen if line.startswith("ack")]
        assert sorted(set(acked)) == list(range(1, max(acked) + 1)), "and nothing is missing"


def test_standby_in_tls_that_has_no_room_is_refused_with_a_word_and_the_switch_goes_without(tmp_path, keys):  # R21, R29: the heap of the chip
    with two_brokers(tmp_path, keys, 40_000) as (n, first, counted):
        n.wait("err memory no room for a second connection")
        for _ in range(20):
            n.wait("ack ")
        assert not counted.made and len([line for line in n.seen if line.startswith("err memory")]) == 1
        first.kill()
        n.wait("state backoff", "state dialing")
        n.wait("state online")
        n.wait("ack ")
        assert counted.made == 1


def test_certificate_that_is_over_is_refused(tmp_path, keys):
    process, port = mosquitto(tmp_path, keys, "over.test")
    try:
        with node(tmp_path, port, ca=str(keys / "ca.der"), name="over.test") as n:
            n.wait("err tls")
    finally:
        process.kill()
        process.wait()


def test_verification_can_be_switched_off_by_saying_so(tmp_path, broker):
    with node(tmp_path, broker, verify=False) as n:
        n.wait("ack 1")


def test_node_shows_its_own_certificate_where_the_broker_wants_one(tmp_path, keys):
    process, port = mosquitto(tmp_path, keys, "broker.test", "cafile %s/ca.pem\nrequire_certificate true\n" % keys)
    try:
        with node(tmp_path, port, ca=str(keys / "ca.der"), cert=str(keys / "node.der"), key=str(keys / "node.key.der")) as n:
            n.wait("ack 1")
        with node(tmp_path, port, ca=str(keys / "ca.der")) as n:
            n.wait("err")
            assert not [line for line in n.seen if line.startswith("ack")]
    finally:
        process.kill()
        process.wait()


def test_peer_that_is_silent_or_no_tls_holds_nothing_up(tmp_path, keys):
    """A listener that accepts and says nothing, then one that talks plain MQTT."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    held = []

    def serve():
        server.settimeout(0.1)
        while not stop.is_set():
            try:
                held.append(server.accept()[0])
                if len(held) > 1:
                    held[-1].sendall(b"\x20\x02\x00\x00" * 5)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        with Program(tmp_path, WORK, {"brokers": [{"host": "127.0.0.1", "port": server.getsockname()[1], "tls": {"ca": str(keys / "ca.der")}}],
                                      "connack_ms": 500}) as n:
            assert "no CONNACK" in n.wait("err timeout")
            n.wait("err protocol", "err closed")
            assert not [line for line in n.seen if line.startswith("stall")]
    finally:
        stop.set()
        thread.join()
        for s in [server, *held]:
            s.close()


def test_certificates_are_not_judged_before_the_clock_is_set(tmp_path, broker, keys):
    early = "import holdfast.transport_tls as t\nt.time = lambda: 0\n"
    config = {"brokers": [{"host": "127.0.0.1", "port": broker, "tls": {"ca": str(keys / "ca.der"), "name": "broker.test"}}]}
    with Program(tmp_path, early + WORK, config) as n:
        assert "before the clock is set" in n.wait("err clock")
