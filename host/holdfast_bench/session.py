"""A run that code leads instead of a scenario file: the same faults, the same history, the same verdict. The pytest plugin stands on it.

May use: places, scenario.stage, faults, checks. Every wait is bounded; closing it heals and ends whatever was started.
"""

import contextlib
import tempfile
from dataclasses import replace

from .checks import judge
from .checks.ledger import fold
from .checks.result import BAD, Finding
from .deploy.overlay import with_application
from .errors import BenchError
from .faults import catalogue
from .places import Options
from .places.run import begin
from .scenario.schema import READY
from .scenario.stage import Stage
from .words import in_words
from .world.timeline import board_of, fits

READY_S = 60
SETTLE_S = 1.0  # after the first message: by then the board has subscribed to what it listens to, too
LAST_SEEN = 6


class Missed(AssertionError):
    """Something that was expected did not come in time. The text has what was expected, what was last seen, and what was going on."""


class Session:
    """Boards at one place, switched on. Use as a context manager, or call start() and close().

    place: "sim", "twin" or a board file's name. config: settings over those of the example. world: as in a scenario. app: an application
    (file or folder) over the checkout's firmware. Raises BenchError, Cannot when it cannot run here.
    """

    def __init__(self, place="sim", *, boards=1, config=None, world=None, seed=1, name="session", options=None, app=None, ready_s=READY_S):
        config = config or {}
        self.place, self.name, self.ready_s, self._app = place, name, ready_s, app
        self.plan = {"scenario": name, "title": name, "seed": seed, "boards": ["b%d" % (i + 1) for i in range(boards)], "config": config,
                     "sample_ms": config.get("app", {}).get("period_ms"), "deadline_ms": 24 * 3600 * 1000, "drain_ms": 45_000, "actions": [],
                     "bounds": {}, "always": [], "application": "own", **({"world": world} if world else {})}
        self.options = options or Options()
        self.result = None
        self._stack = contextlib.ExitStack()
        self._names = {}

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self):
        """Switches the boards on and returns when the first message of each is at the broker side, and it listens."""
        try:
            options = self.options
            if self._app is not None:
                folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-app-"))
                options = replace(options, firmware=with_application(self._app, folder + "/firmware", options.firmware))
            self.rig, self.history = begin(self.plan, self.place, options, self._stack)
            self._stage = Stage(self.rig, self.history, self.plan["boards"], self.plan["seed"])
            self._stack.callback(self._stage.heal, quietly=True)
            self._stage.note("start", boards=self.plan["boards"], seed=self.plan["seed"])
            self.rig.switch_on()
            missing, _ = self._wait({"src": "broker", "ev": "recv"}, self.ready_s, self.plan["boards"], 0)
            if missing:
                raise BenchError("no message of %s at the broker side within %.0f s%s" % (" and ".join(missing), self.ready_s, self._last_words(missing)))
            self.wait(SETTLE_S)
            self._stage.note("expect", id=READY, ok=True, what="the first message of every board at the broker side", within_ms=round(self.ready_s * 1000))
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        """Ends everything that was started. Never raises; may be called twice."""
        with contextlib.suppress(BenchError, OSError):
            self._stack.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()

    # -- time ----------------------------------------------------------------------------------------------------------

    @property
    def now_s(self):
        """Seconds since the run began; in simulation they pass only while something here waits."""
        return self.history.now_ms() / 1000

    @property
    def events(self):
        return self.history.events

    def wait(self, seconds):
        """Lets time pass."""
        until = self.history.now_ms() + round(seconds * 1000)
        self.history.watching = False
        while self.history.now_ms() < until:
            self._stage.prove()
            self.history.wait_beyond(len(self.history.events) + 10_000, max(0.001, min(self._stage.step_ms, until - self.history.now_ms()) / 1000))

    # -- what happens to the boards -------------------------------------------------------------------------------------

    def fault(self, name, *, boards=None, for_s=None, **args):
        """Begins a fault of the catalogue. Returns a handle: end() it, or use it as a context manager; with `for_s` it is over when this
        returns. Raises Cannot when it cannot be made here."""
        known = catalogue()
        if name not in known:
            raise BenchError("there is no fault %r; `holdfast faults` lists them" % name)
        cls, hit = known[name], self._boards(boards)
        args = cls.Args.model_validate(args).model_dump()
        self.rig.check_fault(name, hit, args)
        action = {"id": self._own_id(name), "after": READY, "delay_ms": 0, "do": "fault", "fault": name,
                  "boards": self.plan["boards"] if cls.together else hit, "args": args,
                  "momentary": cls.momentary, "resets": cls.resets}
        self.plan["actions"].append(action)
        self._stage.begin(action)
        handle = Trouble(self, action)
        if for_s is not None:
            self.wait(for_s)
            handle.end()
        return handle

    def command(self, cmd, *, board=None, **fields):
        """A console command; returns the board's answer. Raises BenchError when it refuses, TimedOut when it does not answer."""
        name = self._boards(board)[0]
        own_id = self._own_id(cmd)
        self.plan["actions"].append({"id": own_id, "after": READY, "delay_ms": 0, "do": "command", "command": {"cmd": cmd, **fields}, "boards": [name],
                                     "resets": cmd == "reset"})
        answer = self.rig.boards[name].command({"cmd": cmd, **fields})
        self._stage.note("command", id=own_id, boards=[name])
        return answer

    def publish(self, topic, payload="", *, board=None, qos=0, retain=False):
        """A message from the broker's side; `topic` is below the board's prefix, such as "cmd/led"."""
        data = payload if isinstance(payload, bytes) else payload.encode()
        for name in self._boards(board):
            self._stage.send(name, topic, data, qos, retain)
        self._stage.note("publish", id=self._own_id(topic), boards=self._boards(board), topic=topic)

    # -- what is seen ---------------------------------------------------------------------------------------------------

    def expect(self, what=None, *, within_s, board=None, since=None, **event):
        """Waits for an event with these fields (src="board", ev="state", new="online", …) and returns it. `since`: index into `events` to
        look from, otherwise now. Raises Missed."""
        what = what or " ".join("%s=%s" % pair for pair in event.items())
        boards = self._boards(board)
        start = len(self.events) if since is None else since
        missing, found = self._wait(event, within_s, boards, start)
        ok = not missing
        self._stage.note("expect", id=self._own_id(what), ok=ok, what=what, within_ms=round(within_s * 1000), last=self._last_words(missing) if missing else "")
        if not ok:
            raise Missed("not seen within %g s: %s (%s)%s" % (within_s, what, ", ".join(missing), self._last_words(missing)))
        return found

    def _wait(self, pattern, within_s, boards, start):
        """(boards it was not seen from, the last event that fits)."""
        missing, found, at = list(boards), None, start
        until, self.history.watching = self.history.now_ms() + round(within_s * 1000), True
        while True:
            events = self.history.events
            while at < len(events):
                e = events[at]
                at += 1
                if fits(pattern, e):
                    board = board_of(e)
                    if board is None or board in missing:
                        found = e
                        missing = [] if board is None else [b for b in missing if b != board]
            self._stage.prove()
            left = until - self.history.now_ms()
            if not missing or left <= 0:
                self.history.watching = False
                return missing, found
            self.history.wait_beyond(at, min(left, self._stage.step_ms) / 1000)

    def state(self, board):
        """The board's connection state as it said last; "down" after a start, "off" before."""
        for e in reversed(self.events):
            if e["src"] == "board/" + board and e["ev"] in ("state", "boot"):
                return e["new"] if e["ev"] == "state" else "down"
        return "off"

    def ledger(self):
        """The messages so far, as checks/ledger.py folds them."""
        return fold(list(self.events))

    def _last_words(self, boards):
        """What was seen of these boards last, as lines."""
        seen = [e for e in self.events if board_of(e) in boards and e["ev"] not in ("accept", "sent", "ack", "recv")][-LAST_SEEN:]
        return "".join("\n    %8.1f s  %-9s %s" % (e["t"] / 1000, e["src"], in_words(e)) for e in seen) if seen else "\n    (nothing was seen of it)"

    # -- end ------------------------------------------------------------------------------------------------------------

    def finish(self, drain_s=45):
        """Heals everything, waits until all messages are in (at most drain_s) and judges. Returns the result, the same when asked again."""
        if self.result is None:
            self._stage.heal()
            self.plan["drain_ms"] = round(drain_s * 1000)
            self._stage.drain(self.plan["drain_ms"], self.history.now_ms() + self.plan["drain_ms"])
            self._stage.ask_boards()
            self.result = self._judged()
        return self.result

    def abandon(self, why):
        """The run ends without a drain, because of what a test found: the result, with that as its first finding."""
        if self.result is None:
            t = self.history.now_ms()
            self._stage.note("stopped", why=why)
            self.result = self._judged()
            self.result.findings = [Finding("test", BAD, why, t), *[f for f in self.result.findings if f.law not in ("run", "lost")]]
            self.result.verdict = BAD
        return self.result

    def _judged(self):
        return judge(list(self.events), self.plan, self.place)

    # -- names ----------------------------------------------------------------------------------------------------------

    def _boards(self, wanted):
        if wanted is None:
            return self.plan["boards"]
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        unknown = [b for b in wanted if b not in self.plan["boards"]]
        if unknown:
            raise BenchError("there is no board %r in this run, only %s" % (unknown[0], ", ".join(self.plan["boards"])))
        return wanted

    def _own_id(self, name):
        self._names[name] = self._names.get(name, 0) + 1
        return name if self._names[name] == 1 else "%s-%d" % (name, self._names[name])


class Trouble:
    """A fault that was begun."""

    def __init__(self, session, action):
        self._session, self._action = session, action

    @property
    def id(self):
        return self._action["id"]

    def end(self):
        """Heals it. May be called twice; nothing for a momentary one."""
        stage = self._session._stage
        if stage.under_way(self.id):
            self._session.plan["actions"].append({"id": self.id + ".end", "after": self.id, "delay_ms": 0, "do": "end", "of": self.id})
            stage.end(self.id, self.id + ".end")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()
