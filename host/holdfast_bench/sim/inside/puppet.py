"""The other way to run a simulation: the host decides step by step. Carries out single orders and lets time pass in between.

Orders come as JSON lines on stdin, answers go out as lines "=<JSON>"; while the world waits for an order its time stands still.
`{"do": "until", "ms": T}` lets time pass until T (ms since the run began) and is answered then; all others are answered at once:
`fault` (id, fault, args), `evidence` (id), `end` (id), `command` (command), `publish` (topic, payload, qos, retain), `update` and `setup` (action), `over`.
Every answer has the present time as `ms`. May use: the fault catalogue, the rig.
"""

import sys
from json import dumps, loads

from ...world.kernel import ChipReset
from .faults import CATALOGUE
from .lives import OVER


class Puppet:
    def __init__(self, rig):
        self._rig = rig
        self._kernel = rig.kernel
        self._faults = {}       # id -> Fault
        self._orders = {"fault": self._fault, "evidence": self._evidence, "end": self._end, "command": self._command,
                        "publish": self._publish, "update": self._update, "setup": self._setup}

    def start(self):
        self._kernel.after(0, self._attend)

    def _attend(self, _):
        """Runs in a kernel event: an order that ends the chip's life has its effect when time passes again."""
        answer = {}
        while True:
            answer["ms"] = self._kernel.now_ms
            self._rig.history.flush()
            sys.stdout.buffer.write(b"\n=" + dumps(answer).encode() + b"\n")
            line = sys.stdin.buffer.readline()
            order = loads(line) if line else {"do": "over"}     # no line: the host is gone
            if order["do"] == "until":
                self._kernel.after(max(0, order["ms"] - self._kernel.now_ms), self._attend)
                return
            if order["do"] == "over":
                self._over(None)
                return
            answer = self._orders[order["do"]](order) or {}

    def _fault(self, order):
        fault = self._faults[order["id"]] = CATALOGUE[order["fault"]](self._rig, order["id"], order["args"])
        fault.begin()

    def _evidence(self, order):
        return {"how": self._faults[order["id"]].evidence()}

    def _end(self, order):
        self._faults[order["id"]].end()

    def _command(self, order):
        return {"id": self._rig.tap.command(order["command"], _ignore)}

    def _publish(self, order):
        for broker in self._rig.brokers:
            broker.broker.publish(order["topic"].encode(), order["payload"].encode(), order["qos"], order["retain"])

    def _update(self, order):
        self._rig.announce(order["action"])

    def _setup(self, order):
        self._rig.phone(self._rig, order["action"]["setup"])

    def _over(self, _):
        """Again and again: a reset that comes at the same instant would hide the first one."""
        self._kernel.halt(ChipReset(OVER))
        self._kernel.after(1, self._over)


def _ignore(reply):
    """The reply is in the history."""
