"""Carries out a plan in real time on a rig (twins or real boards): trouble, then heal and drain. Verdicts are not its business.

May use: the plan's time line, faults, the rig's boards and drivers, the history. Every wait is bounded; whatever was
begun is ended, also when the run is cut short.
"""

import random

from ..checks.ledger import fold
from ..errors import BenchError
from ..faults import catalogue
from ..words import fields
from ..world.timeline import TimeLine

EFFECT_MS = 8000  # a fault has to show within this time that it took effect
LOOK_MS = 200  # how often evidence and drain are looked at
BEAT_MS = 1000  # the longest the loop sleeps


class Executor:
    """One run. `rig` has boards, drivers and witness; `history` is written to and waited on."""

    def __init__(self, plan, rig, history):
        self.plan, self._rig, self._history = plan, rig, history
        self._timeline = TimeLine(plan["actions"])
        self._read = 0  # events of the history already fed to the time line
        self._begun = {}  # id → Fault, begun and not ended
        self._unproven = []  # (id, Fault, ask until)

    def run(self):
        """Runs the plan to its end. Raises BenchError only for what the user has to know; the history says the rest."""
        self._note("start", boards=self.plan["boards"], seed=self.plan["seed"])
        deadline_ms = self._history.now_ms() + self.plan["deadline_ms"]
        try:
            self._rig.switch_on()
            self._trouble(deadline_ms)
            self._heal()
            self._drain(deadline_ms)
            self._ask_boards()
        except _Stopped as e:
            self._note("stopped", why=str(e))
        except BenchError as e:
            self._note("stopped", why=str(e))
        except KeyboardInterrupt:
            self._note("stopped", why="interrupted")
            raise
        finally:
            self._heal(quietly=True)

    # -- trouble -------------------------------------------------------------------------------------------------------

    def _trouble(self, deadline_ms):
        while True:
            self._look()
            now = self._history.now_ms()
            for action, boards, last in self._timeline.missed(now):
                self._note("expect", id=action["id"], ok=False, what=_of(action["what"], boards, self.plan["boards"]),
                           within_ms=action["within_ms"], last=_in_words(last))
                if action["id"] == "ready":
                    raise _Stopped("no message of %s at the broker side within %.0f s" % (" and ".join(boards), action["within_ms"] / 1000))
            for action in self._timeline.due(now):
                self._do(action)
            self._look()
            if self._timeline.finished():
                return
            if now >= deadline_ms:
                raise _Stopped("the deadline of %.0f s for the whole run is over" % (self.plan["deadline_ms"] / 1000))
            self._sleep(min(t for t in (self._timeline.next_at_ms(), deadline_ms) if t is not None))

    def _look(self):
        """Feeds what has happened to the time line, and asks faults whether they took effect."""
        while self._read < len(self._history.events):
            event = self._history.events[self._read]
            self._read += 1
            for action in self._timeline.feed(event):
                self._note("expect", id=action["id"], ok=True, what=action["what"], within_ms=action["within_ms"])
        for entry in list(self._unproven):
            own_id, fault, until_ms = entry
            how = fault.evidence()
            if how:
                self._note("effect", id=own_id, ok=True, how=how)
            elif self._history.now_ms() >= until_ms:
                self._note("effect", id=own_id, ok=False, why="no sign of it within %.0f s" % (EFFECT_MS / 1000))
            else:
                continue
            self._unproven.remove(entry)

    def _sleep(self, until_ms):
        step_ms = LOOK_MS if self._unproven else BEAT_MS
        self._history.wait_beyond(self._read, max(1, min(step_ms, until_ms - self._history.now_ms())) / 1000)

    # -- actions -------------------------------------------------------------------------------------------------------

    def _do(self, action):
        try:
            getattr(self, "_do_" + action["do"])(action)
        except BenchError as e:
            raise _Stopped("`%s` could not be carried out: %s" % (action["id"], e)) from None

    def _do_fault(self, action):
        fault = catalogue()[action["fault"]](self._rig, action["boards"], action["args"], random.Random("%d:%s" % (self.plan["seed"], action["id"])))
        # Noted first: what follows from it comes later in the history than the fault itself.
        self._note("fault", id=action["id"], fault=action["fault"], boards=action["boards"])
        if not fault.momentary:
            self._begun[action["id"]] = fault
        fault.begin()
        self._unproven.append((action["id"], fault, self._history.now_ms() + EFFECT_MS))

    def _do_end(self, action):
        self._end(action["of"], action["id"])

    def _end(self, of, own_id):
        fault = self._begun.pop(of, None)
        self._unproven = [entry for entry in self._unproven if entry[0] != of or self._last_chance(entry)]
        self._note("end", id=own_id, of=of)
        if fault:
            fault.end()

    def _last_chance(self, entry):
        """Before a fault ends: has it taken effect? Always False: it is asked for the last time."""
        own_id, fault, _ = entry
        how = fault.evidence()
        self._note("effect", id=own_id, **({"ok": True, "how": how} if how else {"ok": False, "why": "no sign of it until it ended"}))
        return False

    def _do_command(self, action):
        for name in action["boards"]:
            self._rig.boards[name].command(action["command"])
        self._note("command", id=action["id"], boards=action["boards"])

    # -- heal and drain ------------------------------------------------------------------------------------------------

    def _heal(self, quietly=False):
        for own_id in list(self._begun):
            try:
                self._end(own_id, own_id + ".end")
            except BenchError as e:
                self._note("stopped", why="`%s` could not be healed: %s" % (own_id, e))
                if not quietly:
                    raise _Stopped(str(e)) from None

    def _drain(self, deadline_ms):
        """Waits until everything handed over before the cut is in, at most as long as the plan allows."""
        self._note("cut")
        began = self._history.now_ms()
        until = min(began + self.plan["drain_ms"], deadline_ms)
        while True:
            missing = _missing(self._history.events)
            now = self._history.now_ms()
            if not missing or now >= until:
                break
            self._look()
            self._history.wait_beyond(len(self._history.events) + 20, LOOK_MS / 1000)
        if missing and until < began + self.plan["drain_ms"]:
            raise _Stopped("the deadline of %.0f s for the whole run came before the drain's" % (self.plan["deadline_ms"] / 1000))
        while self._unproven:
            self._look()
            self._history.wait_beyond(self._read, LOOK_MS / 1000)
        self._note("drained", ok=not missing, within_ms=self.plan["drain_ms"], took_ms=now - began,
                   missing="%d messages, the first is %s" % (len(missing), missing[0].key) if missing else "")

    def _ask_boards(self):
        """What each board says of itself at the end, over its console. For people; no verdict rests on it."""
        for name in self.plan["boards"]:
            try:
                answer = self._rig.boards[name].command({"cmd": "status"})
                self._note("status", board=name, ok=True, **{k: answer[k] for k in _STATUS if k in answer})
            except BenchError as e:
                self._note("status", board=name, ok=False, why=str(e))

    def _note(self, ev, **fields):
        self._history.add("bench", ev, **fields)


_STATUS = ("state", "queued", "unacked", "boots", "cause", "heap")


class _Stopped(Exception):
    """The run cannot go on; the text is the reason."""


def _missing(events):
    return [m for m in fold(events).messages if not m.received_at and m.dropped_at is None and not m.memory_lost]


def _of(what, boards, all_boards):
    return what if boards == all_boards else "%s (%s)" % (what, ", ".join(boards))


def _in_words(event):
    if event is None:
        return ""
    return ("%s at %.1f s (%s)" % (event["ev"], event["t"] / 1000, fields(event)))[:160]
