"""The first set-up of a node without configuration, on a twin (R42): its page reached by a real HTTP client, what is wrong told, and `holdfast provision`."""

import contextlib
import http.client
import json
import urllib.parse

import pytest
from reach.dtu_rig import until
from typer.testing import CliRunner

from holdfast_bench.boards.serial import SerialBoard
from holdfast_bench.choices import choices
from holdfast_bench.cli import app_of
from holdfast_bench.deploy import deploy
from holdfast_bench.drivers.broker_builtin import BuiltinBroker
from holdfast_bench.history import History
from holdfast_bench.places import flashcache
from holdfast_bench.twin import TwinHost
from holdfast_bench.twin.host import KEY, SSID

LIMIT_S = 240
pytestmark = pytest.mark.timeout(500)


@pytest.fixture(scope="module")
def host():
    with TwinHost() as h:
        yield h


@pytest.fixture(scope="module")
def broker(host):
    made = BuiltinBroker(host="127.0.0.1", port=0, users={"node": "node-password"})
    made.start()
    made.at = host.add_host("broker", {1883: ("127.0.0.1", made.port)})
    yield made
    made.close()


@pytest.fixture
def board(host, request):
    """A board with the firmware and no configuration, switched off."""
    name = "setup%d" % (abs(hash(request.node.name)) % 100_000)
    folder = host.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    flashcache.restore(flashcache.key(None, choices().twin), folder / "flash.bin")
    made = host.add_board(name, fast_flash=True)
    made.power_on()
    deploy(made.port, name, None)
    made.power_off()
    yield made
    host.remove_board(made)


@contextlib.contextmanager
def console(board):
    history = History()
    serial = SerialBoard(board.name, board.port, history, rom_log=False)
    serial.open()
    try:
        yield history
    finally:
        serial.close()


def says(history, words, start=0):
    return [e for e in list(history.events)[start:] if words in json.dumps(e)]


def ask(at, method="GET", path="/", body=None):
    link = http.client.HTTPConnection(*at, timeout=60)
    try:
        link.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
        answer = link.getresponse()
        return answer.status, answer.getheader("Location"), answer.read().decode()
    finally:
        link.close()


def resolved(at):
    """What the node's name server makes of a name that a phone asks for."""
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        for _ in range(20):
            s.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x07captive\x05apple\3com\0\0\1\0\1", at)
            with contextlib.suppress(TimeoutError):
                return socket.inet_ntoa(s.recv(512)[-4:])


def fill_in(at, **fields):
    return ask(at, "POST", "/", urllib.parse.urlencode(fields))


def test_a_page_at_the_nodes_own_access_point_sets_it_up_and_says_what_was_wrong(host, broker, board):
    at = host.forward(board, 80)
    board.power_on()
    with console(board) as history:
        until(lambda: says(history, "set-up: Wi-Fi holdfast-"), LIMIT_S, "set-up")
        status, _, page = ask(at)
        assert status == 200 and 'name=ssid' in page and '<option value="holdfast">' in page     # it has looked for networks
        assert ask(at, path="/generate_204")[:2] == (302, "http://192.168.4.1/")                 # phones then show the page by themselves
        assert resolved(host.forward(board, 53, udp=True)) == "192.168.4.1"                      # because every name leads to the node
        status, _, page = fill_in(at, ssid=SSID, key=KEY, host="", port="1883")
        assert status == 200 and "Broker: address or name: is needed" in page and KEY not in page
        status, _, page = fill_in(at, ssid=SSID, key=KEY, host=broker.at, port="70000")
        assert "1 to 65535" in page

        n = len(history.events)
        status, _, page = fill_in(at, ssid=SSID, key="not-the-right-key", host=broker.at, user="node", password="node-password", id="kitchen")
        assert status == 200 and "Saved" in page and "not-the-right-key" not in page
        until(lambda: says(history, "set-up: Wi-Fi holdfast-", n), LIMIT_S, "back in set-up")
        assert "could not be joined. Is the key right" in ask(at)[2]

        n = len(history.events)
        fill_in(at, ssid=SSID, key=KEY, host=broker.at, user="node", password="node-password", id="kitchen")
        until(lambda: [e for e in list(history.events)[n:] if e["ev"] == "config" and e.get("state") == "kept"], LIMIT_S, "kept")
        assert [e for e in list(history.events)[n:] if e["ev"] == "boot" and e.get("id") == "kitchen"]
        board.en_reset()
        n = len(history.events)
        until(lambda: [e for e in list(history.events)[n:] if e["ev"] == "state" and e.get("new") == "online"], LIMIT_S, "online after a reset")
        for secret in (KEY, "node-password", "not-the-right-key"):
            assert not says(history, secret), "credentials never go back out"


def test_hostile_requests_change_nothing_and_the_page_is_there_afterwards(host, board):
    import socket
    at = host.forward(board, 80)
    board.power_on()
    with console(board) as history:
        until(lambda: says(history, "set-up: Wi-Fi holdfast-"), LIMIT_S, "set-up")
        slow = [socket.create_connection(at) for _ in range(6)]     # more than it serves at one time, and they say nothing
        for junk in (b"\0" * 3000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 600, b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nssid=%zz&", b"GET\r\n\r\n", b"\xff\xfe\r\n\r\n", b"PUT / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\nssid="):
            with socket.create_connection(at) as s:
                s.settimeout(60)
                s.sendall(junk)
                if not junk.endswith(b"ssid="):
                    with contextlib.suppress(ConnectionError):
                        assert s.recv(4096)[:12] in (b"", b"HTTP/1.0 400", b"HTTP/1.0 200"), junk[:40]
        for s in slow:
            s.close()
        until(lambda: _served(at), LIMIT_S, "the page")
        assert not [e for e in history.events if e["ev"] == "text" and "Traceback" in e["text"]]


def _served(at):
    try:
        return ask(at)[0] == 200
    except OSError:
        return False


def test_provision_over_serial(host, broker, board, tmp_path):
    board.power_on()
    board.wait_running()
    secrets, result = tmp_path / "secrets.json", tmp_path / "result.json"
    run, app = CliRunner(), app_of(["provision"])

    def provisioned(*more, **broker_fields):
        secrets.write_text(json.dumps({"wifi": [{"ssid": SSID, "key": KEY}], "brokers": [{"host": broker.at, "user": "node", "password": "node-password", **broker_fields}]}))
        return run.invoke(app, ["provision", "--board", "twin", "--port", board.port, "--secrets", str(secrets), "--json", str(result), *more])

    done = provisioned("--set", "keepalive_s=1")
    assert done.exit_code == 2 and "keepalive_s: 1 is not a whole number" in " ".join(done.output.split())
    done = provisioned(password="wrong")
    assert done.exit_code == 1 and "the broker refuses the name or the password" in " ".join(done.output.split()), done.output
    done = provisioned("--set", "id=cellar")
    assert done.exit_code == 0, done.output
    assert json.loads(result.read_text())["state"] == "kept"
    done = provisioned()
    assert done.exit_code == 2 and "there is a configuration" in " ".join(done.output.split())
