# timeline.py - which action of a plan is due, which expectation is met or missed. Pure: it is fed the history's events
# and asked with now_ms; it neither does nor writes anything. docs/architecture.md describes plans and events.
# Common subset of CPython and MicroPython: the executor (twin, hil) and the simulation use the same one.

START = "start"
# Events by which the history says that an action is done; `id` names it.
_DONE = ("start", "expect", "fault", "end", "command", "publish", "update", "setup")


def fits(pattern, event):
    """True when the event has every field of the pattern, with that value or one of a list of values.

    `src` may name the kind alone ("board") and then fits "board/b1" too.
    """
    for field in pattern:
        wanted, got = pattern[field], event.get(field)
        if field == "src" and isinstance(got, str) and got.partition("/")[0] == wanted:
            continue
        if got != wanted and not (isinstance(wanted, list) and got in wanted):
            return False
    return True


def board_of(event):
    """The board an event belongs to, or None: `…/b1` in its source, or its field `board`."""
    return event["src"].partition("/")[2] or event.get("board")


class _Expectation:
    def __init__(self, action, armed_at_ms):
        self.action = action
        self.until_ms = armed_at_ms + action["within_ms"]
        self.missing = list(action["boards"])
        self.last = None


class TimeLine:
    def __init__(self, actions):
        self._waiting = list(actions)   # in order of the plan
        self._done_at = {}              # id -> ms
        self._armed = []                # expectations under way
        self._running = []              # ids handed out, not yet done

    def feed(self, event):
        """Take the next event of the history. Returns the actions of the expectations it fulfils."""
        met = []
        for expectation in list(self._armed):
            if not fits(expectation.action["event"], event):
                if event["src"].partition("/")[0] == expectation.action["event"].get("src"):
                    expectation.last = event
                continue
            board = board_of(event)
            if board is None:
                expectation.missing = []
            elif board in expectation.missing:
                expectation.missing.remove(board)
            if not expectation.missing:
                self._armed.remove(expectation)
                met.append(expectation.action)
        if event["src"] == "bench" and event["ev"] in _DONE:
            own_id = event.get("id", START)
            self._done_at[own_id] = event["t"]
            if own_id in self._running:
                self._running.remove(own_id)
            self._arm()
        return met

    def _arm(self):
        for action in list(self._waiting):
            if action["do"] == "expect" and action["after"] in self._done_at:
                self._waiting.remove(action)
                self._running.append(action["id"])
                self._armed.append(_Expectation(action, self._done_at[action["after"]]))

    def due(self, now_ms):
        """The faults, ends and commands to carry out now, in order. Each is handed out once."""
        due = []
        for action in self._waiting:
            at = self._at_ms(action)
            if at is not None and at <= now_ms:
                due.append((at, len(due), action))
        due.sort(key=lambda entry: entry[:2])
        actions = [entry[2] for entry in due]
        for action in actions:
            self._waiting.remove(action)
            self._running.append(action["id"])
        return actions

    def missed(self, now_ms):
        """(action, boards it was not seen from, last event of its kind) of expectations whose deadline is over."""
        over = [e for e in self._armed if e.until_ms <= now_ms]
        for expectation in over:
            self._armed.remove(expectation)
        return [(e.action, e.missing, e.last) for e in over]

    def next_at_ms(self):
        """The next instant at which `due` or `missed` can have an answer, or None: only an event can bring one."""
        times = [at for at in (self._at_ms(a) for a in self._waiting) if at is not None] + [e.until_ms for e in self._armed]
        return min(times) if times else None

    def watching(self):
        """An expectation is under way: events of every source count. Otherwise only those of `bench` do."""
        return bool(self._armed)

    def finished(self):
        """Everything is done and every expectation met or missed."""
        return not (self._waiting or self._running or self._armed)

    def _at_ms(self, action):
        if action["do"] == "expect" or action["after"] not in self._done_at:
            return None
        return self._done_at[action["after"]] + action["delay_ms"]
