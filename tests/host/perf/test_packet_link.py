"""The packet link: real TCP over it sees the round trip, refusals, black holes and forgetful routers. Skipped where namespaces are not allowed."""

import json
import subprocess
import sys

import pytest

from holdfast_bench.perf import beside
from holdfast_bench.perf.link import NoLink

PEER = """
import socket, sys, time
from holdfast_bench.perf.link import FAR, Link, BLACKHOLE, PASS, REFUSE
link = Link(60)
NEAR = '''
import socket, time
def connect():
    began = time.monotonic()
    try:
        s = socket.create_connection(("%s", 7), 3)
        print("connected", round((time.monotonic() - began) * 1000), flush=True)
        return s
    except OSError as e:
        print(type(e).__name__, round((time.monotonic() - began) * 1000), flush=True)
s = connect()
s.settimeout(1)
while True:
    line = input()
    if line == "connect":
        s = connect() or s
        s.settimeout(1)
    elif line == "end":
        break
    else:
        began = time.monotonic()
        try:
            s.sendall(b"x")
            got = s.recv(1)
            print("echo" if got else "closed", round((time.monotonic() - began) * 1000), flush=True)
        except OSError as e:
            print(type(e).__name__, 0, flush=True)
''' % FAR
server = socket.create_server((FAR, 7))
import threading
def serve():
    while True:
        s, _ = server.accept()
        s.setsockopt(6, 1, 1)
        threading.Thread(target=echo, args=(s,), daemon=True).start()
def echo(s):
    try:
        while True:
            data = s.recv(10)
            if not data:
                return
            s.sendall(data)
    except OSError:
        pass
threading.Thread(target=serve, daemon=True).start()
import subprocess
near = link.near([sys.executable, "-c", NEAR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def ask(what=None):
    if what is not None:
        near.stdin.write(what + "\\n"); near.stdin.flush()
    print(near.stdout.readline().strip(), flush=True)
ask(); ask("echo")
link.set_mode(REFUSE); time.sleep(0.3); ask("echo"); ask("connect"); link.set_mode(PASS)
ask("connect"); ask("echo")
link.set_mode(BLACKHOLE); ask("echo"); link.set_mode(PASS); time.sleep(1.5); ask("connect")
ask("echo"); link.forget_flows(); ask("echo"); ask("connect"); ask("echo")
near.kill(); link.close()
"""


@pytest.fixture(scope="module", autouse=True)
def link_is_possible():
    try:
        beside.available()
    except NoLink as e:
        pytest.skip("no packet link here: %s" % e)


def test_tcp_sees_what_the_link_does():  # R44
    done = subprocess.run([sys.executable, "-c", PEER], capture_output=True, text=True, timeout=60)
    lines = [line.split() for line in done.stdout.splitlines()]
    words = [word for word, _ in lines]
    assert words == ["connected", "echo", "ConnectionResetError", "ConnectionRefusedError", "connected", "echo", "TimeoutError", "connected", "echo",
                     "TimeoutError", "connected", "echo"], (done.stdout, done.stderr)
    times = [int(ms) for _, ms in lines]
    assert times[0] >= 60 and times[1] >= 60 and times[3] >= 59


@pytest.mark.parametrize("client", ["", "umqtt.simple", "paho-mqtt"])
def test_each_client_gets_through_and_no_sooner_than_light(client):
    spec = {"client": client, "test": "hundred", "rtt_ms": 20, "seed": 1}
    done = subprocess.run([sys.executable, "-m", "holdfast_bench.perf.trial", json.dumps(spec)], capture_output=True, text=True, timeout=100)
    result = json.loads(done.stdout)
    assert 40 <= result["value"] < 60_000, (result, done.stderr)
