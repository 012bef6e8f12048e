"""The machine of a bench and the network of its boards as two network namespaces with a cable between them: real packets, and nobody's network at stake.

`in_a_namespace` runs a script in the first; the script makes a Lab. Linux, as root or where users may make namespaces.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

BENCH, BOARD = "10.77.0.1", "10.77.0.2"
PORT = 1883


def enter():
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]


def impossible():
    """Why it cannot be done on this machine, or None."""
    if not shutil.which("unshare"):
        return "no unshare"
    done = subprocess.run([*enter(), "sh", "-c", "ip link add x type veth peer name y"], capture_output=True, text=True, timeout=20)
    return done.stderr.strip() or "no namespaces" if done.returncode else None


def skip_without(driver):
    """Skips the test that asks, with the reason, where the driver ("nftables.Nftables", "packets.Packets") cannot work even in a namespace."""
    why = impossible()
    if why:
        pytest.skip("no network namespaces here: %s" % why)
    module, _, name = driver.partition(".")
    why = in_a_namespace("import json\nfrom holdfast_bench.drivers.%s import %s\nprint(json.dumps(%s.missing(None)))" % (module, name, name))[0]
    if why:
        pytest.skip(why)


def in_a_namespace(script, *args, limit_s=90):
    """What the script said as JSON, a line each."""
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parent))
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([*enter(), sys.executable, "-c", script, *args], stdout=said, stderr=said, env=env, start_new_session=True)
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = "not over within %d s" % limit_s
        finally:        # with what a script that failed has left behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        lines = said.read().splitlines()
    assert status == 0, "\n".join([str(status), *lines[-60:]])
    return [json.loads(line) for line in lines if line.startswith(("{", "null", '"'))]


class Lab:
    """Made in a namespace of its own: the bench's side here, the board's in another one."""

    def __init__(self):
        self._other = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.inside = ["nsenter", "-n", "-t", str(self._other.pid)]
        here = os.readlink("/proc/self/ns/net")
        until = time.monotonic() + 20
        while os.readlink("/proc/%d/ns/net" % self._other.pid) == here and time.monotonic() < until:
            time.sleep(0.02)
        self.here("link set lo up", "link add cable type veth peer name eth0 netns %d" % self._other.pid, "addr add %s/24 dev cable" % BENCH, "link set cable up")
        for command in ("link set lo up", "addr add %s/24 dev eth0" % BOARD, "link set eth0 up"):
            subprocess.run([*self.inside, "ip", *command.split()], check=True)

    def here(self, *commands):
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)

    def board(self, command, **kwargs):
        """A process in the board's network."""
        return subprocess.Popen([*self.inside, *command], **kwargs)

    def close(self):
        self._other.kill()
        self._other.wait()


class Echo:
    """A broker's stand-in on the bench's machine: answers every byte with itself; `got` counts them."""

    def __init__(self, port=PORT):
        import socket

        self.got = 0
        self._server = socket.create_server((BENCH, port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            peer, _ = self._server.accept()
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer):
        try:
            while data := peer.recv(100):
                self.got += len(data)
                peer.sendall(data)
        except OSError:
            pass


_CLIENT = """
import socket, sys, time
socks = {}
for line in sys.stdin:
    what, name, port, limit = line.split()
    began = time.monotonic()
    try:
        if what == "connect":
            socks[name] = socket.create_connection(("%s", int(port)), float(limit))
            socks[name].setsockopt(6, 1, 1)
            said = "connected"
        else:
            socks[name].settimeout(float(limit))
            if what == "say":
                socks[name].sendall(b"x")
            said = "echo" if socks[name].recv(100) else "closed"
    except OSError as e:
        said = type(e).__name__
    print(said, round((time.monotonic() - began) * 1000), flush=True)
""" % BENCH


class Client:
    """A board's stand-in: TCP connections by name out of the board's network. Each answer: a word, or an exception's name."""

    def __init__(self, lab):
        self._process = lab.board([sys.executable, "-c", _CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.took_ms = 0

    def _ask(self, *words):
        self._process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self._process.stdin.flush()
        said, took = self._process.stdout.readline().split()
        self.took_ms = int(took)
        return said

    def connect(self, name, port=PORT, limit_s=10):
        return self._ask("connect", name, port, limit_s)

    def say(self, name, limit_s=10):
        return self._ask("say", name, 0, limit_s)

    def hear(self, name, limit_s=10):
        return self._ask("hear", name, 0, limit_s)

    def close(self):
        self._process.kill()
        self._process.wait()
