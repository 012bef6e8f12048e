"""Do two runs of the same scenario, at different places, go through the same states? Pure: two histories in, differences out.

What is compared, board by board:
- the order of its states from its start to the end of the run, every transition, every start of the chip, and every loss of power;
- the state it is in at each moment of the scenario (a fault begins or ends, a command is given).

What is left out, because the scenario does not say it:
- how many tries there are: `dialing` and `backoff` alternate as often as jitter has it, and count as one state, "trying";
- instants: when a sample is taken, and so when a fault is noticed, is not tied to the faults. A state that is reached a little before a
  moment in one run and a little after it in the other (`TOLERANCE_MS`, and the time between two samples) is the same, and a state on
  the way that does not last longer than that (`_PASSED`: never `online`, `error` or a start) may be there in one run only, and so may
  what came that shortly before a run was over;
- an answer that comes late by itself: `suspect` for an instant while no fault is under way is the place's pace, and while a fault with
  jitter is (`jitter_ms` of its arguments) it is chance.

Where single frames are lost by chance (`BY_CHANCE`), two places cannot lose the same ones; and how many wakes a sleeping node needs for a bundle is the place's pace. Then `suspect` may come and go, and a
connection may break: what is compared is which states there are, and the state at the end.
"""

from dataclasses import dataclass

TOLERANCE_MS = 1500
BY_CHANCE = ("loss", "reorder", "duplicates")
_TRYING = ("dialing", "backoff")
_PASSED = ("suspect", "trying", "down")
_MOMENTS = ("fault", "end", "command")


@dataclass(frozen=True)
class Difference:
    """Where two runs part. `t`: the instants in the first and in the second, ms."""

    board: str
    text: str
    t: tuple = (None, None)


def differences(first, second, plan, names=("the first", "the second")):
    """[Difference] between two histories of one plan; none: they agree."""
    slack_ms = TOLERANCE_MS + (plan.get("sample_ms") or 1000)
    chance = any(a.get("fault") in BY_CHANCE for a in plan.get("actions", [])) or _in_wakes(plan)
    jittery = {a["id"] for a in plan.get("actions", []) if a.get("args", {}).get("jitter_ms")}
    found = []
    for board in plan["boards"]:
        lanes = [_Lane(events, board, slack_ms, jittery) for events in (first, second)]
        compare = _by_kind if chance else _in_order
        found += compare(board, lanes, names, slack_ms) or ([] if chance else _at_moments(board, lanes, names, slack_ms))
    return found


def _in_wakes(plan):
    """Whether a node that sleeps fetches firmware: how many wakes that takes is the place's pace."""
    return "duty" in plan.get("config", {}).get("app", {}) and any(a["do"] == "update" for a in plan.get("actions", []))


class _Lane:
    """One board of one run: `states`: [(t, state)], each unlike the one before; `moments`: {id: t}; `end`: t of the last event."""

    def __init__(self, events, board, slack_ms, jittery):
        self.moments = {}
        made = [(0, "off")]
        for e in events:
            if e["src"] == "bench" and e["ev"] in _MOMENTS and "id" in e:
                self.moments.setdefault(e["id"], e["t"])
            elif e["src"] == "chip/" + board and e["ev"] == "power" and not e["on"]:
                made.append((e["t"], "off"))
            elif e["src"] == "board/" + board and e["ev"] == "boot":
                made += [(e["t"], "start"), (e["t"], "down")]
            elif e["src"] == "board/" + board and e["ev"] == "state":
                made.append((e["t"], "trying" if e["new"] in _TRYING else e["new"]))
        self.end = max((e["t"] for e in events), default=0)
        self.quiet = _quiet(events, slack_ms, jittery)
        self.states = _folded(self._without_flickers(_folded(made)))

    def _without_flickers(self, states):
        kept = []
        for at, (t, state) in enumerate(states):
            around = [s for _, s in states[max(at - 1, 0):at + 2]]
            if around == ["online", "suspect", "online"] and self.quiet(t, states[at + 1][0]):
                continue
            kept.append((t, state))
        return kept

    def at(self, t, slack_ms):
        """Every state it is in between t - slack_ms and t + slack_ms."""
        seen = [state for at, state in self.states if at <= t - slack_ms][-1:]
        return seen + [state for at, state in self.states if t - slack_ms < at <= t + slack_ms]


def _quiet(events, slack_ms, jittery):
    """(from, to) -> whether no fault was under way then, nor a moment of the scenario near. A fault of `jittery`, {id}, does not count."""
    spans, begun = [], {}
    for e in events:
        if e["src"] != "bench" or jittery & {e.get("id"), e.get("of")}:
            continue
        if e["ev"] in ("fault", "command"):
            begun[e["id"]] = e["t"]
            spans.append([e["t"], e["t"]])
        elif e["ev"] == "end":
            spans.append([begun.get(e["of"], e["t"]), e["t"]])
    return lambda start, stop: not any(a - slack_ms <= stop and start <= b + slack_ms for a, b in spans)


def _folded(states):
    """Without repetitions."""
    return [entry for i, entry in enumerate(states) if i == 0 or entry[1] != states[i - 1][1]]


def _in_order(board, lanes, names, slack_ms):
    """Walks both rows of states at once, in every way in which states that were only passed may be left out."""
    one, other = (lane.states for lane in lanes)
    brief = [_brief(lane, slack_ms) for lane in lanes]
    reached, furthest = {(0, 0)}, (0, 0)
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if (i, j) not in reached:
                continue
            furthest = max(furthest, (i, j), key=sum)
            if i < len(one) and j < len(other) and one[i][1] == other[j][1]:
                reached.add((i + 1, j + 1))
            if i < len(one) and brief[0][i]:
                reached.add((i + 1, j))
            if j < len(other) and brief[1][j]:
                reached.add((i, j + 1))
            # What was passed in between interrupts nothing: tries go on where the Wi-Fi was joined anew meanwhile.
            if 0 < i < len(one) and j and one[i][1] == other[j - 1][1] in _PASSED:
                reached.add((i + 1, j))
            if 0 < j < len(other) and i and other[j][1] == one[i - 1][1] in _PASSED:
                reached.add((i, j + 1))
    if (len(one), len(other)) in reached:
        return []
    i, j = furthest
    t = tuple(states[at][0] if at < len(states) else None for states, at in ((one, i), (other, j)))
    return [Difference(board, "after %s: %s on %s, %s on %s" % (_way(one, max(0, i - 3), i), _way(one, i), names[0], _way(other, j), names[1]), t)]


def _brief(lane, slack_ms):
    """Which states were only passed, or came so late that the end of the run may have cut them off."""
    ends = [t for t, _ in lane.states[1:]]
    passed = [state in _PASSED and end - t <= slack_ms for (t, state), end in zip(lane.states, ends)] + [False]
    return [p or t >= lane.end - slack_ms for p, (t, _) in zip(passed, lane.states)]


def _way(states, at, until=None):
    return " → ".join(state for _, state in states[at:at + 3 if until is None else until]) or "nothing more"


def _at_moments(board, lanes, names, slack_ms):
    one, other = lanes
    found = []
    for own_id in one.moments:
        if own_id in other.moments:
            around = [lane.at(lane.moments[own_id], slack_ms) for lane in lanes]
            exactly = [lane.at(lane.moments[own_id], 0)[0] for lane in lanes]
            if exactly[0] not in around[1] or exactly[1] not in around[0]:
                found.append(Difference(board, "at `%s`: %s on %s, %s on %s" % (own_id, exactly[0], names[0], exactly[1], names[1]),
                                        (one.moments[own_id], other.moments[own_id])))
    return found


def _by_kind(board, lanes, names, slack_ms):
    kinds = [{state for _, state in lane.states} - {"suspect", "trying"} for lane in lanes]
    ends = [lane.states[-1][1] for lane in lanes]
    if kinds[0] != kinds[1]:
        return [Difference(board, "%s on %s, %s on %s" % (", ".join(sorted(kinds[0])), names[0], ", ".join(sorted(kinds[1])), names[1]))]
    if ends[0] != ends[1]:
        return [Difference(board, "in the end: %s on %s, %s on %s" % (ends[0], names[0], ends[1], names[1]))]
    return []
