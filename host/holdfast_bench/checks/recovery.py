"""Liveness: when everything is healed, the node is useful again by the deadline of the plan (`recover_ms`).

A node that keeps still just then, in its safe mode, has that time on top; whether it may keep still is another law's business."""

from .laws import Outcome, found, law
from .ledger import numbered
from .result import BAD
from .still import still_until


@law
def recovery(case):
    limit_ms, cut = case.plan.get("recover_ms"), case.ledger.cut_at
    if limit_ms is None or cut is None:
        return Outcome({}, [])
    arrived = next((e["t"] for e in case.of("broker", "recv") if e["t"] >= cut and numbered(e)), None)
    if arrived is not None and arrived - cut <= limit_ms:
        return Outcome({"healed_ms": arrived - cut}, [])
    limit_ms += still_until(case, cut) - cut
    if (case.events[-1]["t"] if arrived is None else arrived) - cut <= limit_ms:
        return Outcome({}, [])  # it kept still first; or the run was over before: everything had arrived already
    return Outcome({}, [found("recovery", BAD, "not useful again %.0f s after everything was healed%s" % (
        limit_ms / 1000, "" if arrived is None else ", but after %.0f s" % ((arrived - cut) / 1000)), cut + limit_ms)])
