"""Carries out a plan on a rig (twins, real boards, several simulated ones): trouble, then heal and drain. Verdicts are not its business.

May use: the plan's time line, the stage. Every wait is bounded.
"""

from ..errors import BenchError
from ..monitor.presence import SCAN_MS
from ..words import fields
from ..world.timeline import TimeLine
from .guard import Guard
from .stage import Stage, Stopped


class Executor:
    """One run. `rig` has boards, drivers and witness; `history` is written to and waited on. `stop`: an Event that ends the run early."""

    def __init__(self, plan, rig, history, stop=None):
        self.plan, self._rig, self._history, self._stop = plan, rig, history, stop
        self._stage = Stage(rig, history, plan["boards"], plan["seed"])
        self._timeline = TimeLine(plan["actions"])
        self._guard = Guard(plan["guard"], plan["boards"], self._stage.note, self._stage.send) if plan.get("guard") else None
        self._read = 0  # events of the history already fed to the time line

    def run(self):
        """Runs the plan to its end. Raises BenchError only for what the user has to know; the history says the rest."""
        stage = self._stage
        stage.note("start", boards=self.plan["boards"], seed=self.plan["seed"])
        deadline_ms = self._history.now_ms() + self.plan["deadline_ms"]
        try:
            self._rig.switch_on()
            self._trouble(deadline_ms)
            stage.heal()
            stage.drain(self.plan["drain_ms"], deadline_ms, self._look)
            stage.ask_boards()
        except (Stopped, BenchError) as e:
            stage.note("stopped", why=str(e))
        except KeyboardInterrupt:
            stage.note("stopped", why="interrupted")
            raise
        finally:
            stage.heal(quietly=True)

    def _trouble(self, deadline_ms):
        while True:
            self._look()
            now = self._history.now_ms()
            for action, boards, last in self._timeline.missed(now):
                self._stage.note("expect", id=action["id"], ok=False, what=_of(action["what"], boards, self.plan["boards"]),
                                 within_ms=action["within_ms"], last=_in_words(last))
                if action["id"] == "ready":
                    raise Stopped("no message of %s at the broker side within %.0f s" % (" and ".join(boards), action["within_ms"] / 1000))
            for action in self._timeline.due(now):
                self._do(action)
            self._look()
            if self._timeline.finished():
                return
            if now >= deadline_ms:
                raise Stopped("the deadline of %.0f s for the whole run is over" % (self.plan["deadline_ms"] / 1000))
            if self._stop is not None and self._stop.is_set():
                raise KeyboardInterrupt
            self._sleep(min(t for t in (self._timeline.next_at_ms(), deadline_ms) if t is not None))

    def _look(self):
        """Feeds what has happened to the time line, and asks faults whether they took effect."""
        while self._read < len(self._history.events):
            event = self._history.events[self._read]
            self._read += 1
            if self._guard:
                self._guard.feed(event)
            for action in self._timeline.feed(event):
                self._stage.note("expect", id=action["id"], ok=True, what=action["what"], within_ms=action["within_ms"])
        if self._guard:
            self._guard.scan(self._history.now_ms())
        self._history.watching = self._timeline.watching() or self._guard is not None
        self._stage.prove()

    def _sleep(self, until_ms):
        step_ms = min(self._stage.step_ms, SCAN_MS) if self._guard else self._stage.step_ms
        self._history.wait_beyond(self._read, max(1, min(step_ms, until_ms - self._history.now_ms())) / 1000)

    def _do(self, action):
        try:
            if action["do"] == "fault":
                self._stage.begin(action)
            elif action["do"] == "end":
                self._stage.end(action["of"], action["id"])
            else:
                getattr(self._stage, action["do"])(action)
        except BenchError as e:
            raise Stopped("`%s` could not be carried out: %s" % (action["id"], e)) from None


def _of(what, boards, all_boards):
    return what if boards == all_boards else "%s (%s)" % (what, ", ".join(boards))


def _in_words(event):
    if event is None:
        return ""
    return ("%s at %.1f s (%s)" % (event["ev"], event["t"] / 1000, fields(event)))[:160]
