"""Runs every law over a history and merges the answers: bad beats unknown beats good; a crashed law is unknown."""

from dataclasses import replace

from . import (  # noqa: F401  (each registers its law)
    always, asks, content, damage, deaf, duplicates, energy, errors, exactly_once, hang, lease, lost, order, pace, reached, recovery,
    resets, rest, restless, spread, stalls, states, steps, still, timing,
)
from .bounds import bounds
from .context import going_on
from .gaps import gaps
from .laws import LAWS, Case
from .ledger import fold
from .result import UNKNOWN, Finding, Result, merge


def judge(events, plan, board=""):
    """The result of a run. `plan` is what was carried out (scenario, seed, boards, bounds); `board` names the place."""
    numbers, findings, lost_ids = {}, [], []
    try:
        case = Case(events, fold(events), plan)
    except Exception as e:  # noqa: BLE001  whatever it was, the verdict is unknown and says why
        findings.append(_crashed("ledger", e))
    else:
        for law in LAWS:
            try:
                outcome = law(case)
            except Exception as e:  # noqa: BLE001
                findings.append(_crashed(law.__name__, e))
                continue
            numbers.update(outcome.numbers)
            findings += outcome.findings
        if plan.get("application") == "own" and not any(e["ev"] == "accept" for e in events):
            # Somebody's own application, which does not number its messages itself: then the receiver's view has to do.
            findings = [f for f in findings if not (f.law == "lost" and f.verdict == UNKNOWN and not f.ids)]
            seen = gaps(events)
            numbers.update(seen.numbers)
            findings += seen.findings
        findings += bounds(numbers, plan.get("bounds", {}), complete=case.ledger.drained is not None)
        findings = [_with_context(case, f) for f in findings]
        lost_ids = [key for f in findings if f.law in ("lost", "gaps") and f.verdict == "bad" for key in f.ids]
    return Result(plan["scenario"], board, plan["seed"], merge(f.verdict for f in findings), numbers, lost_ids, findings, events)


def _with_context(case, finding):
    """The finding with what was going on at its moment."""
    if finding.t is None:
        return finding
    try:
        return replace(finding, going_on=going_on(case, finding.t, finding.ids))
    except Exception as e:  # noqa: BLE001  a comment may not cost the verdict
        return replace(finding, going_on="(unknown: %s)" % e)


def _crashed(law, error):
    return Finding(law, UNKNOWN, "the check %s crashed: %s: %s" % (law, type(error).__name__, error))
