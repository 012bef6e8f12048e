"""The firmware's own faults: exceptions that nobody handled, memory used up, a peer accused of breaking MQTT that did not. R36.

Not its fault is that lwIP's twelve connections are taken by ones that it has closed long ago and whose peer is not heard any more."""

import re
from dataclasses import replace

from . import ontrial
from .laws import Outcome, found, law
from .result import BAD

_NEVER = ("app", "memory", "protocol", "tls")  # the simulation knows no TLS
_CLOSING = 8            # of lwIP's twelve; the others a node needs itself
_CROWDED_WITHIN_MS = 100
_TRACES = ("Traceback", "MemoryError", "Task exception")


@law
def errors(case):
    findings, trials = [], ontrial.windows(case)
    crowded = [e["t"] for e in case.of("chip", "crowd") if e["closing"] >= _CLOSING]
    for e in case.of("board", "err"):
        if e.get("code") == "memory" and any(0 <= e["t"] - t <= _CROWDED_WITHIN_MS for t in crowded):
            continue
        if e.get("code") in _NEVER:
            findings.append(found("errors", BAD, "the firmware reports %s: %s" % (e["code"], e.get("msg")), e["t"]))
    for e in case.of("board", "text"):
        if any(trace in e["text"] for trace in _TRACES) and not ontrial.excused(e, trials):
            findings.append(found("errors", BAD, "the firmware prints: %s" % e["text"][:200], e["t"]))
    for e in case.of("chip", "spin"):
        if ontrial.excused(e, trials):
            continue
        findings.append(found("errors", BAD, "the firmware computes without end: %s" % e["where"], e["t"]))
    return Outcome({}, _together(findings)[:5])


def _together(findings):
    """What repeats itself, whatever its figures, is told once, at its first moment."""
    first, times = {}, {}
    for f in findings:
        kind = re.sub(r"\d+", "0", f.text)
        first.setdefault(kind, f)
        times.setdefault(kind, []).append(f.t)
    return [f if len(times[kind]) == 1 else replace(f, text="%s (%d times, the last at %.1f s)" % (f.text, len(times[kind]), max(times[kind]) / 1000))
            for kind, f in first.items()]
