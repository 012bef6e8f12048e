"""What every run on a rig is made of, whoever says what happens when: faults begun, shown to have taken effect, ended; heal, drain.

May use: faults, the rig's boards and drivers, the history. The executor carries out a plan on it, the session of a test what code
asks for. Whatever was begun is ended, also when the run is cut short.
"""

import contextlib
import random

from ..checks.ledger import fold
from ..errors import BenchError

STATUS_MS = 2000  # a board answers within this, or is asleep
LOOK_MS = 200  # how often evidence and drain are looked at
SETTLE_MS = 2000


class Stopped(Exception):
    """The run cannot go on; the text is the reason."""


class Stage:
    """`rig` has boards, drivers and witness; `history` is written to and waited on. Random values come from `seed`."""

    def __init__(self, rig, history, boards, seed):
        self.rig, self.history, self.boards, self.seed = rig, history, boards, seed
        self._begun = {}  # id → Fault, begun and not ended
        self._unproven = []  # (id, Fault, ask until)

    def note(self, ev, **fields):
        return self.history.add("bench", ev, **fields)

    # -- faults --------------------------------------------------------------------------------------------------------

    def begin(self, action):
        """Begins the fault of an action (docs/architecture.md). Raises BenchError when it cannot."""
        own_id = action["id"]
        fault = self.rig.fault(action["fault"], action["boards"], action["args"], random.Random("%d:%s" % (self.seed, own_id)))
        # Noted first: what follows from it comes later in the history than the fault itself.
        self.note("fault", id=own_id, fault=action["fault"], boards=action["boards"])
        if not action["momentary"]:
            self._begun[own_id] = fault
        fault.begin()
        self._unproven.append((own_id, fault, self.history.now_ms() + fault.shows_within_ms))

    def end(self, of, own_id):
        """Ends the fault `of`; nothing when it has ended, or never begun."""
        fault = self._begun.pop(of, None)
        self._unproven = [entry for entry in self._unproven if entry[0] != of or self._last_chance(entry)]
        self.note("end", id=own_id, of=of)
        if fault:
            fault.end()

    def under_way(self, own_id):
        return own_id in self._begun

    def prove(self):
        """Asks faults whether they took effect."""
        for entry in list(self._unproven):
            own_id, fault, until_ms = entry
            how = fault.evidence()
            if how:
                self.note("effect", id=own_id, ok=True, how=how)
            elif self.history.now_ms() >= until_ms:
                self.note("effect", id=own_id, ok=False, why="no sign of it within %.0f s" % (fault.shows_within_ms / 1000))
            else:
                continue
            self._unproven.remove(entry)

    def _last_chance(self, entry):
        """Before a fault ends: has it taken effect? Always False: it is asked for the last time."""
        own_id, fault, _ = entry
        how = fault.evidence()
        self.note("effect", id=own_id, **({"ok": True, "how": how} if how else {"ok": False, "why": "no sign of it until it ended"}))
        return False

    # -- commands and messages -----------------------------------------------------------------------------------------

    def command(self, action):
        for name in action["boards"]:
            self.rig.boards[name].command(action["command"])
        self.note("command", id=action["id"], boards=action["boards"])

    def publish(self, action):
        """A message from the broker's side to each board, below its prefix."""
        for name in action["boards"]:
            self.send(name, action["topic"], action["payload"].encode(), action["qos"], action["retain"])
        self.note("publish", id=action["id"], boards=action["boards"], topic=action["topic"])

    def update(self, action):
        """New firmware over the air, from now on until the run is over."""
        if self.rig.update is None:
            raise BenchError("nobody serves updates here")
        self.note("update", id=action["id"], boards=action["boards"], version=action["update"]["version"])
        self.rig.update(action)

    def setup(self, action):
        """Somebody comes with a phone to set these boards up."""
        if self.rig.setup is None:
            raise BenchError("nobody here has a phone that could join the access point of a board: run it on a twin or in the simulation")
        self.note("setup", id=action["id"], boards=action["boards"])
        self.rig.setup(action)

    def send(self, name, topic, payload, qos=0, retain=False):
        """One message to one board; `topic` is below its prefix."""
        self.rig.publish(name, "%s/%s" % (self._prefix(name), topic), payload, qos, retain)

    def _prefix(self, name):
        """<base>/<id> of a board, by the last message of its own."""
        for e in reversed(self.history.events):
            if e["ev"] == "recv" and e.get("board") == name:
                return "/".join(e["topic"].split("/")[:2])
        raise BenchError("%s has not sent anything yet: nobody knows its topics" % name)

    # -- heal and drain ------------------------------------------------------------------------------------------------

    def heal(self, quietly=False):
        """Ends whatever is still broken, the last first."""
        for own_id in reversed(list(self._begun)):
            try:
                self.end(own_id, own_id + ".end")
            except BenchError as e:
                self.note("stopped", why="`%s` could not be healed: %s" % (own_id, e))
                if not quietly:
                    raise Stopped(str(e)) from None

    def drain(self, drain_ms, deadline_ms, look=lambda: None):
        """Waits until everything handed over before the cut is in, at most drain_ms. `look()` is called while it waits."""
        self.note("cut")
        began = self.history.now_ms()
        until = min(began + drain_ms, deadline_ms)
        while True:
            missing = _missing(self.history.events)
            waiting = 0 if missing else self._waiting()
            now = self.history.now_ms()
            if not (missing or waiting) or now >= until:
                break
            look()
            self.prove()
            self.history.wait_beyond(len(self.history.events) + 20, LOOK_MS / 1000)
        if (missing or waiting) and until < began + drain_ms:
            raise Stopped("the deadline of %.0f s for the whole run came before the drain's" % (deadline_ms / 1000))
        while self._unproven:
            look()
            self.prove()
            self.history.wait_beyond(len(self.history.events), LOOK_MS / 1000)
        self.note("drained", ok=not (missing or waiting), within_ms=drain_ms, took_ms=now - began,
                  missing="%d messages, the first is %s" % (len(missing), missing[0].key) if missing else
                          "%d messages, as the boards say" % waiting if waiting else "")
        self._settle()

    def _settle(self):
        """Messages are in before the answer to CONNECT is: a board that is about to be online has a moment for it."""
        until = self.history.now_ms() + SETTLE_MS
        while self.history.now_ms() < until and "dialing" in _states(self.history.events).values():
            self.history.wait_beyond(len(self.history.events), LOOK_MS / 1000)

    def _waiting(self):
        """How many messages the boards say they still have, when the application does not number them: how long to wait may rest on
        their word, the verdict does not. A board that does not answer sleeps, or has no console."""
        if any(e["ev"] == "accept" for e in self.history.events):
            return 0
        waiting = 0
        for name in self.boards:
            with contextlib.suppress(BenchError):
                waiting += self.rig.boards[name].command({"cmd": "status"}, STATUS_MS).get("queued", 0)
        return waiting

    def ask_boards(self):
        """What each board says of itself at the end, over its console. For people; no verdict rests on it."""
        for name in self.boards:
            try:
                answer = self.rig.boards[name].command({"cmd": "status"})
                self.note("status", board=name, ok=True, **{k: answer[k] for k in _STATUS if k in answer})
            except BenchError as e:
                self.note("status", board=name, ok=False, why=str(e))

    @property
    def step_ms(self):
        """The longest that may pass before prove() is due again."""
        return LOOK_MS if self._unproven else BEAT_MS


BEAT_MS = 1000  # the longest anybody sleeps
_STATUS = ("state", "queued", "unacked", "boots", "cause", "heap")


def _states(events):
    """{source: connection state} as each board said last."""
    return {e["src"]: e["new"] for e in events if e["ev"] == "state"}


def _missing(events):
    return [m for m in fold(events).messages if not m.received_at and m.dropped_at is None and not m.memory_lost]
