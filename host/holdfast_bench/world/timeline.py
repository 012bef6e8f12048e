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
    """Of a plan of a day, thousands of actions are due some time: what it is asked with every event looks at the next one only.

    actions: a sequence, asked for each when it is wanted."""

    def __init__(self, actions):
        self._actions = actions
        self._behind = {}               # id -> numbers of the actions that wait for it, in order of the plan
        for number, action in enumerate(actions):
            self._behind.setdefault(action["after"], []).append(number)
        self._waiting = len(actions)
        self._line = []                 # (due at, number) of those that only time keeps waiting, the next one last
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
            if own_id in self._running:
                self._running.remove(own_id)
            self._follow(own_id, event["t"])
        return met

    def _follow(self, own_id, done_at_ms):
        """The actions behind `own_id` have their instant now."""
        for number in self._behind.pop(own_id, ()):
            action = self._actions[number]
            if action["do"] == "expect":
                self._hand_out(action)
                self._armed.append(_Expectation(action, done_at_ms))
            else:
                self._stand_in_line((done_at_ms + action["delay_ms"], number))

    def _stand_in_line(self, entry):
        line, low, high = self._line, 0, len(self._line)
        while low < high:
            middle = (low + high) // 2
            if line[middle] > entry:
                low = middle + 1
            else:
                high = middle
        line.insert(low, entry)

    def _hand_out(self, action):
        self._waiting -= 1
        self._running.append(action["id"])

    def due(self, now_ms):
        """The faults, ends and commands to carry out now, in order. Each is handed out once."""
        actions = []
        while self._line and self._line[-1][0] <= now_ms:
            action = self._actions[self._line.pop()[1]]
            self._hand_out(action)
            actions.append(action)
        return actions

    def missed(self, now_ms):
        """(action, boards it was not seen from, last event of its kind) of expectations whose deadline is over."""
        over = [e for e in self._armed if e.until_ms <= now_ms]
        for expectation in over:
            self._armed.remove(expectation)
        return [(e.action, e.missing, e.last) for e in over]

    def next_at_ms(self):
        """The next instant at which `due` or `missed` can have an answer, or None: only an event can bring one."""
        times = [e.until_ms for e in self._armed]
        if self._line:
            times.append(self._line[-1][0])
        return min(times) if times else None

    def watching(self):
        """An expectation is under way: events of every source count. Otherwise only those of `bench` do."""
        return bool(self._armed)

    def finished(self):
        """Everything is done and every expectation met or missed."""
        return not (self._waiting or self._running or self._armed)
