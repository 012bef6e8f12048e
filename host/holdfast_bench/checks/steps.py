"""The time line itself: expectations met by their deadlines, faults that took effect, a drain that ended empty.

A missed expectation is bad, and so is a drain that waited in vain, unless for what is beyond the promise only. A fault that did not take effect, or a run cut short, shows nothing: unknown.
"""

from .laws import Outcome, found, law
from .lost import missing_of
from .result import BAD, UNKNOWN


@law
def steps(case):
    findings = []
    for e in case.of("bench", "expect"):
        if not e["ok"]:
            findings.append(found("expect", BAD, "not seen within %.1f s: %s%s" % (
                e["within_ms"] / 1000, e["what"], "; last seen: %s" % e["last"] if e.get("last") else ""), e["t"]))
    for e in case.of("bench", "effect") + case.of("bench", "end") + case.of("bench", "command"):
        if e.get("ok") is False:
            findings.append(found("fault", UNKNOWN, "%s did not take effect: %s" % (e["id"], e.get("why", "no reason known")), e["t"]))
    for e in case.of("bench", "drained"):
        if not e["ok"] and (missing_of(case.ledger) or not any(m.memory_lost and not m.received_at for m in case.ledger.messages)):
            findings.append(found("drain", BAD, "not drained %.0f s after everything was healed: %s" % (e["within_ms"] / 1000, e["missing"]), e["t"]))
    for e in case.of("bench", "stopped"):
        findings.append(found("run", UNKNOWN, "the run was cut short: %s" % e["why"], e["t"]))
    return Outcome({}, findings)
