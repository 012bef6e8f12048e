"""Compiles a scenario into a plan: the flat list of timed actions that every place executes.

Pure: (scenario, name, seed) → plan, a JSON-able dict. Random values are drawn here, one stream per step, so one
more step shifts nothing elsewhere and sim, twin and hil see the same times. docs/architecture.md describes the plan.
"""

import json
import random

from ..errors import BenchError
from ..faults import catalogue
from .schema import READY, Range

START = "start"


def compile_plan(scenario, name, seed):
    """The plan of `scenario` for this seed. Raises BenchError when a step refers to something that is not there."""
    boards = ["b%d" % (i + 1) for i in range(scenario.boards)]
    unfold = _Unfold(boards, seed)
    unfold.actions.append(_expect(READY, "the first message of every board at the broker side", {"src": "broker", "ev": "recv"},
                                  START, _ms(scenario.ready.within_s), boards))
    for step in scenario.step:
        unfold.step(step, None, {})
    for wanted in scenario.expect:
        unfold.expect(wanted, wanted.after or READY)
    actions = unfold.actions
    always = [_rule(rule, index, boards) for index, rule in enumerate(scenario.always)]
    _check_anchors(actions, [(rule["what"], rule[key]) for rule in always for key in ("after", "until") if rule[key] is not None])
    return {
        "scenario": name, "seed": seed, "title": scenario.title, "boards": boards, "config": scenario.config, "sample_ms": scenario.config.get("app", {}).get("period_ms"),
        "expected_ms": _expected_ms(actions), "deadline_ms": _ms(scenario.deadline_s), "drain_ms": _ms(scenario.drain.within_s), "actions": actions,
        "bounds": {k: v.model_dump(exclude_none=True) for k, v in scenario.verdict.items()}, "always": always,
        **({"guard": {"alarm_ms": _ms(scenario.guard.alarm_s), "steady_ms": _ms(scenario.guard.steady_s)}} if scenario.guard else {}),
        **_simulated(scenario),
    }


def _simulated(scenario):
    """What concerns the simulation only, where it is not the default."""
    made = {}
    if scenario.world:
        made["world"] = scenario.world
    if scenario.application != "stock":
        made["application"] = scenario.application
    if scenario.run_s:
        made["run_ms"] = _ms(scenario.run_s)
    if not scenario.proofs:
        made["proofs"] = False
    if scenario.recover_s is not None:
        made["recover_ms"] = _ms(scenario.recover_s)
    return made


class _Unfold:
    """Makes the flat list of actions out of steps that repeat and stand inside each other."""

    def __init__(self, boards, seed):
        self.actions, self._boards, self._seed = [], boards, seed
        self._taken = {READY, START}

    def step(self, step, around, scope):
        """`around`: the action inside which the step stands, or None. `scope`: names as written → ids, of the steps beside and around it;
        this one's is added."""
        name = step.id or step.fault or (step.command.get("cmd", "command") if step.command else "update" if step.update else "setup" if step.setup else step.publish.topic)
        before = None
        for _ in range(step.times):
            own_id = _own_id(name, self._taken)
            inner = {**scope, name: own_id}
            before = self._once(step, own_id, before, around, inner)
            scope.setdefault(name, own_id)

    def _once(self, step, own_id, before, around, scope):
        def drawn(field, value):
            if isinstance(value, Range):
                return round(random.Random("%d:%s:%s" % (self._seed, own_id, field)).uniform(value.min, value.max) * 1000)
            return _ms(value)

        if before is not None:
            when = {"after": before, "delay_ms": drawn("every_s", step.every_s)}
        elif step.after is not None:
            when = {"after": _resolved(step.after, scope), "delay_ms": drawn("delay_s", step.delay_s)}
        else:
            when = {"after": around["id"] if around else READY, "delay_ms": drawn("at_s", step.at_s)}
        where = _boards(step.board, self._boards, own_id) if step.board or not around else around["boards"]
        if step.command is not None:
            action = {"id": own_id, **when, "do": "command", "command": step.command, "boards": where,
                      "resets": step.command.get("cmd") == "reset"}
            self.actions.append(action)
        elif step.publish is not None:
            message = step.publish
            payload = message.payload if isinstance(message.payload, str) else json.dumps(message.payload, separators=(",", ":"))
            action = {"id": own_id, **when, "do": "publish", "topic": message.topic, "payload": payload, "qos": message.qos,
                      "retain": message.retain, "boards": where}
            self.actions.append(action)
        elif step.update is not None:
            action = {"id": own_id, **when, "do": "update", "update": step.update.model_dump(exclude_none=True), "boards": where, "resets": True}
            self.actions.append(action)
        elif step.setup is not None:
            action = {"id": own_id, **when, "do": "setup", "setup": step.setup.model_dump(), "boards": where, "resets": True}
            self.actions.append(action)
        else:
            action = self._fault(step, own_id, when, where, around, drawn)
        for inner in step.step:
            self.step(inner, action, scope)
        for wanted in step.expect:
            after = own_id if wanted.after is None else own_id + ".end" if wanted.after == "end" else _resolved(wanted.after, scope)
            self.expect(wanted, after, where)
        return own_id

    def _fault(self, step, own_id, when, where, around, drawn):
        fault = catalogue()[step.fault]
        action = {"id": own_id, **when, "do": "fault", "fault": step.fault, "boards": self._boards if fault.together else where,
                  "args": fault.Args.model_validate(step.model_extra).model_dump(), "momentary": fault.momentary, "resets": fault.resets}
        if step.moment:
            action.update(moment=step.moment, nth=step.nth)
        self.actions.append(action)
        ends = not fault.momentary and around is not None and not around["momentary"]
        if step.for_s is not None:
            self.actions.append({"id": own_id + ".end", "after": own_id, "delay_ms": drawn("for_s", step.for_s), "do": "end", "of": own_id})
            if ends:  # at the latest
                self.actions.append({"id": own_id + ".over", "after": around["id"] + ".end", "delay_ms": 0, "do": "end", "of": own_id})
        elif ends:
            self.actions.append({"id": own_id + ".end", "after": around["id"] + ".end", "delay_ms": 0, "do": "end", "of": own_id})
        return action

    def expect(self, wanted, after, where=None):
        own_id = _own_id(wanted.id or wanted.what, self._taken)
        boards = _boards(wanted.board, self._boards, own_id) if wanted.board or where is None else where
        self.actions.append(_expect(own_id, wanted.what, wanted.event, after, _ms(wanted.within_s), boards))


def _resolved(name, scope):
    """The id that a name means where it stands: inside a step that repeats, the one of the same turn."""
    stem, dot, end = name.partition(".")
    return scope[stem] + dot + end if stem in scope else name


def _rule(rule, index, boards):
    own_id = "always-%d" % (index + 1)
    return {"id": own_id, "what": rule.what, "event": rule.event, "never": rule.never, "at_most": rule.at_most, "in_ms": _ms(rule.in_s) if rule.in_s else None,
            "at_least_every_ms": _ms(rule.at_least_every_s) if rule.at_least_every_s else None, "after": rule.after, "until": rule.until,
            "boards": _boards(rule.board, boards, own_id)}


def _expect(own_id, what, event, after, within_ms, boards):
    return {"id": own_id, "after": after, "delay_ms": 0, "do": "expect", "what": what, "event": event,
            "within_ms": within_ms, "boards": boards}


def _own_id(wanted, taken):
    """`wanted`, or with -2, -3 … behind it when that is taken already."""
    own_id, count = wanted, 1
    while own_id in taken:
        count += 1
        own_id = "%s-%d" % (wanted, count)
    taken.add(own_id)
    return own_id


def _boards(wanted, boards, own_id):
    if wanted is None:
        return boards
    if wanted not in boards:
        raise BenchError("`%s` is for board %r, but the scenario has %s" % (own_id, wanted, ", ".join(boards)))
    return [wanted]


def _check_anchors(actions, further):
    """Every `after` names an action, and following them always ends at the start. `further`: (who, id) of others that refer to one."""
    after = {a["id"]: a["after"] for a in actions}
    for who, own_id in further:
        if own_id not in after:
            raise BenchError("`%s` refers to %r, which is no step or expectation; there are: %s" % (who, own_id, ", ".join(sorted(after))))
    for own_id in after:
        seen, at = [], own_id
        while at != START:
            if at in seen:
                raise BenchError("these wait for each other: %s" % " → ".join([*seen, at]))
            if at not in after:
                raise BenchError("`%s` is after %r, which is no step or expectation; there are: %s"
                                 % (seen[-1], at, ", ".join(sorted(after))))
            seen.append(at)
            at = after[at]


_START_MS, _DRAIN_MS = 5000, 3000  # what these take when all is well


def _expected_ms(actions):
    """About how long the run takes when every expectation is met at once; for progress bars only."""
    known, by_id = {START: _START_MS}, {action["id"]: action for action in actions}
    for action in actions:
        chain = []  # an action may stand before the one it comes after
        while action["id"] not in known:
            chain.append(action)
            if action["after"] == START:
                break
            action = by_id[action["after"]]
        for behind in reversed(chain):
            known[behind["id"]] = known[behind["after"]] + behind["delay_ms"]
    return max(known.values()) + _DRAIN_MS


def _ms(seconds):
    return round(seconds * 1000)
