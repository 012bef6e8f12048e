"""Liveness: when everything is healed, the node is useful again by the deadline of the plan (`recover_ms`)."""

from .laws import Outcome, found, law
from .ledger import numbered
from .result import BAD


@law
def recovery(case):
    limit_ms, cut = case.plan.get("recover_ms"), case.ledger.cut_at
    if limit_ms is None or cut is None:
        return Outcome({}, [])
    arrived = next((e["t"] for e in case.of("broker", "recv") if e["t"] >= cut and numbered(e)), None)
    if arrived is not None and arrived - cut <= limit_ms:
        return Outcome({"healed_ms": arrived - cut}, [])
    if arrived is None and case.events[-1]["t"] - cut <= limit_ms:
        return Outcome({}, [])  # the run was over before: everything had arrived already
    return Outcome({}, [found("recovery", BAD, "not useful again %.0f s after everything was healed%s" % (
        limit_ms / 1000, "" if arrived is None else ", but after %.0f s" % ((arrived - cut) / 1000)), cut + limit_ms)])
