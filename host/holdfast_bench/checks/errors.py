"""The firmware's own faults: exceptions that nobody handled, memory used up, a peer accused of breaking MQTT that did not. R36."""

from .laws import Outcome, found, law
from .result import BAD

_NEVER = ("app", "memory", "protocol", "tls")  # the simulation knows no TLS
_TRACES = ("Traceback", "MemoryError", "Task exception")


@law
def errors(case):
    findings = []
    for e in case.of("board", "err"):
        if e.get("code") in _NEVER:
            findings.append(found("errors", BAD, "the firmware reports %s: %s" % (e["code"], e.get("msg")), e["t"]))
    for e in case.of("board", "text"):
        if any(trace in e["text"] for trace in _TRACES):
            findings.append(found("errors", BAD, "the firmware prints: %s" % e["text"][:200], e["t"]))
    for e in case.of("chip", "spin"):
        findings.append(found("errors", BAD, "the firmware computes without end: %s" % e["where"], e["t"]))
    return Outcome({}, findings[:5])
