"""Simulation as a place: a plan for one board runs inside the simulation; several boards, or code that decides, are led from here.

Boards of a simulation share no air: each has its own access point, name server and broker, as twins do, so they may be led one
after the other through each stretch of time.
"""

import contextlib
import itertools

from ..checks import judge
from ..errors import BenchError, Cannot, TimedOut
from ..faults import Fault, all_of, catalogue
from ..history import History
from ..rig import Rig
from ..sim import run as simulate
from ..sim.stepped import SteppedSim
from ..sim.stock import stock_spec

QUANTUM_MS = 50  # boards are led in steps of this while somebody waits for an event


def run(plan, options):
    """The result of a plan."""
    if len(plan["boards"]) == 1 and not plan.get("guard") and plan.get("application") != "own":
        return judge(simulate(plan, options.firmware), plan, "sim")
    from ..scenario.executor import Executor

    with contextlib.ExitStack() as stack:
        history = SimHistory()
        Executor(plan, rig(plan, history, options, stack), history, options.stop).run()
        return judge(list(history.events), plan, "sim")


def rig(plan, history, options, stack):
    """A board each in a simulation of its own, which end with `stack`. `history` is a SimHistory."""
    made = SimRig()
    for index, name in enumerate(plan["boards"]):
        spec = stock_spec({**plan, "boards": [name]}, options.firmware, seed=plan["seed"] + index)
        sim = SteppedSim(spec)
        stack.callback(sim.close)
        history.sims.append(sim)
        made.sims[name] = sim
        made.boards[name] = SimBoard(sim, history)
    return made


class SimHistory(History):
    """A history whose time passes only while somebody waits on it."""

    def __init__(self):
        self.sims, self._now_ms = [], 0
        super().__init__()

    def begin(self):
        """Simulations begin at 0; nothing has happened before."""

    def now_ms(self):
        return self._now_ms

    def wait_beyond(self, count, timeout_s):
        until = self._now_ms + int(timeout_s * 1000)
        while self._now_ms < until and len(self.events) <= count:
            step = min(until, self._now_ms + QUANTUM_MS) if self.watching else until
            happened = [(e["t"], index, e) for index, sim in enumerate(self.sims) for e in sim.until(step)]
            happened.sort(key=lambda entry: entry[:2])
            self._now_ms = step
            self.events += [e for _, _, e in happened]
        return len(self.events)


class SimRig(Rig):
    """Its faults are those of the simulation's own catalogue: the host says when, the world inside does it."""

    def __init__(self):
        super().__init__()
        self.sims = {}
        self._numbers = itertools.count(1)
        self.publish = self._publish
        self.update = self._each("update")
        self.setup = self._each("setup")

    def fault(self, name, boards, args, rng):
        return SimFault([self.sims[b] for b in boards], name, args, "f%d" % next(self._numbers))

    def check_fault(self, name, boards, args=None):
        if "sim" not in catalogue()[name].how:
            raise Cannot("fault %s cannot be made in the simulation" % name)

    def _each(self, what):
        """Has every board of an action carry it out."""
        def carry_out(action):
            for name in action["boards"]:
                self.sims[name].order(what, action=action)
        return carry_out

    def _publish(self, board, topic, payload, qos, retain):
        self.sims[board].order("publish", topic=topic, payload=payload.decode(), qos=qos, retain=retain)


class SimFault:
    shows_within_ms = Fault.shows_within_ms

    def __init__(self, sims, name, args, own_id):
        self._sims, self._name, self._id = sims, name, own_id
        self._args = catalogue()[name].Args.model_validate(args).model_dump()

    def begin(self):
        for sim in self._sims:
            sim.order("fault", id=self._id, fault=self._name, args=self._args)

    def end(self):
        for sim in self._sims:
            sim.order("end", id=self._id)

    def evidence(self):
        return all_of(sim.order("evidence", id=self._id)["how"] for sim in self._sims)


class SimBoard:
    """The console of one simulated board."""

    def __init__(self, sim, history):
        self.name, self._sim, self._history = sim.name, sim, history

    def command(self, command, limit_ms=5000):
        own_id, start = self._sim.order("command", command=command)["id"], len(self._history.events)
        until, self._history.watching = self._history.now_ms() + limit_ms, True
        while True:
            for e in self._history.events[start:]:
                if e["src"] == "board/" + self.name and e["ev"] == "reply" and e.get("id") == own_id:
                    if not e["ok"]:
                        raise BenchError("%s refused command %r: %s" % (self.name, command.get("cmd"), e.get("why") or e.get("err") or "no reason given"))
                    return e
            start = len(self._history.events)
            if self._history.now_ms() >= until:
                raise TimedOut("the answer to command %r of %s" % (command.get("cmd"), self.name), limit_ms)
            self._history.wait_beyond(start, (until - self._history.now_ms()) / 1000)
