"""The driver `packets`: every packet between one board and the broker's port goes through a program in user space, which delays, loses, doubles
and reorders them by the rules that the twin's air has.

The program (packet_queue.py) is a process of its own with the rights it needs. When the bench dies it ends; when it dies itself, the kernel lets
the packets pass. May use: nftables.py for what hits connections as a whole, root.py.
"""

import json
import os
import select
import subprocess
import sys
import threading

from ..errors import BenchError
from . import root
from .nftables import UNKNOWN, Nftables, OneWay

ANSWER_S = 15


class PacketAir(OneWay):
    """The ability `air` of one board. address(): the board's, as the broker's side sees it, or None. start() before use, close() after."""

    def __init__(self, name, port, address):
        super().__init__(name)
        self._port, self._address = port, address
        self._process = None
        self._lock = threading.Lock()
        self._count = 0

    def start(self):
        """Raises BenchError when it cannot work here."""
        self._process = subprocess.Popen([*_command(), str(self._port), str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
        try:
            self._answer()
        except BenchError:
            self.close()
            raise
        return self

    def close(self):
        process, self._process = self._process, None
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @staticmethod
    def cannot(fault, args):
        return None

    def add(self, fault, seed, **settings):
        """Begins a rule of drivers/rules.py; returns what remove and evidence take. Raises BenchError while the board's address is not known."""
        address = self._address()
        if address is None:
            raise BenchError(UNKNOWN % self._name)
        self._count += 1
        self._call({"do": "add", "id": self._count, "address": address, "rule": fault, "seed": seed, "settings": settings})
        return self._count

    def remove(self, own):
        self._call({"do": "remove", "id": own})

    def evidence(self, own):
        return self._call({"do": "evidence", "id": own}).get("how")

    def _call(self, command):
        with self._lock:
            if self._process is None:
                raise BenchError("the packet link of %s has been closed" % self._name)
            try:
                self._process.stdin.write(json.dumps(command) + "\n")
                self._process.stdin.flush()
            except OSError:
                raise BenchError("the packet link of %s has ended: its packets pass as they come" % self._name) from None
            return self._answer()

    def _answer(self):
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise BenchError("the packet link does not answer" if not ready else "the packet link did not start: %s" % root.RIGHTS)
        answer = json.loads(line)
        if not answer.get("ok"):
            raise BenchError(answer["why"])
        return answer


class Packets:
    """What board files name `packets`."""

    @staticmethod
    def missing(settings):
        """Why the driver cannot be used on this machine, or None."""
        why = Nftables.missing(settings)
        if why:
            return why
        try:
            done = subprocess.run([*_command(), "--check"], input="", capture_output=True, text=True, timeout=2 * ANSWER_S)
            return json.loads(done.stdout.splitlines()[0]).get("why") if done.stdout else "the packet link does not start: %s" % root.RIGHTS
        except (OSError, ValueError, subprocess.TimeoutExpired) as e:
            return "the packet link does not start: %s" % e


def _command():
    """The program, with the rights it needs."""
    return [*root.prefix(), sys.executable, "-m", "holdfast_bench.drivers.packet_queue"]
