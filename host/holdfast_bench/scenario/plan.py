"""Compiles a scenario into a plan: the flat list of timed actions that every place executes.

Pure: (scenario, name, seed) → plan, a JSON-able dict. Random values are drawn here, one stream per step, so one
more step shifts nothing elsewhere and sim, twin and hil see the same times. docs/architecture.md describes the plan.
"""

import random

from ..errors import BenchError
from ..faults import catalogue
from .schema import READY, Range

START = "start"


def compile_plan(scenario, name, seed):
    """The plan of `scenario` for this seed. Raises BenchError when a step refers to something that is not there."""
    boards = ["b%d" % (i + 1) for i in range(scenario.boards)]
    actions = [_expect(READY, "the first message of every board at the broker side", {"src": "broker", "ev": "recv"},
                       START, _ms(scenario.ready.within_s), boards)]
    taken = {READY, START}
    for step in scenario.step:
        actions += _step(step, _own_id(step.id or step.fault or step.command.get("cmd", "command"), taken), seed, boards)
    for wanted in scenario.expect:
        own_id = _own_id(wanted.id or wanted.what, taken)
        actions.append(_expect(own_id, wanted.what, wanted.event, wanted.after, _ms(wanted.within_s),
                               _boards(wanted.board, boards, own_id)))
    _check_anchors(actions)
    return {
        "scenario": name, "seed": seed, "title": scenario.title, "boards": boards, "config": scenario.config, "sample_ms": scenario.config.get("app", {}).get("period_ms"),
        "expected_ms": _expected_ms(actions), "deadline_ms": _ms(scenario.deadline_s), "drain_ms": _ms(scenario.drain.within_s), "actions": actions,
        "bounds": {k: v.model_dump(exclude_none=True) for k, v in scenario.verdict.items()},
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


def _step(step, own_id, seed, boards):
    def drawn(field, value):
        if isinstance(value, Range):
            return round(random.Random("%d:%s:%s" % (seed, own_id, field)).uniform(value.min, value.max) * 1000)
        return _ms(value)

    when = {"after": READY, "delay_ms": drawn("at_s", step.at_s)} if step.after is None else \
        {"after": step.after, "delay_ms": drawn("delay_s", step.delay_s)}
    where = _boards(step.board, boards, own_id)
    if step.command is not None:
        return [{"id": own_id, **when, "do": "command", "command": step.command, "boards": where,
                 "resets": step.command.get("cmd") == "reset"}]
    fault = catalogue()[step.fault]
    actions = [{"id": own_id, **when, "do": "fault", "fault": step.fault, "boards": where,
                "args": fault.Args.model_validate(step.model_extra).model_dump(), "momentary": fault.momentary, "resets": fault.resets}]
    if step.moment:
        actions[0].update(moment=step.moment, nth=step.nth)
    if step.for_s is not None:
        actions.append({"id": own_id + ".end", "after": own_id, "delay_ms": drawn("for_s", step.for_s), "do": "end", "of": own_id})
    return actions


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


def _check_anchors(actions):
    """Every `after` names an action, and following them always ends at the start."""
    after = {a["id"]: a["after"] for a in actions}
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
    at = {START: _START_MS}
    for _ in actions:  # an action may stand before the one it comes after
        at.update((a["id"], at[a["after"]] + a["delay_ms"]) for a in actions if a["after"] in at)
    return max(at.values()) + _DRAIN_MS


def _ms(seconds):
    return round(seconds * 1000)
