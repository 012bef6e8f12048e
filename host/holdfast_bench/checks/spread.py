"""Tries are spread, so that a fleet does not come back in step: with any jitter configured, refused tries do not follow each other at
one and the same distance. R3."""

from .laws import Outcome, found, law
from .pace import BASE_MS
from .result import BAD

STEADY = ("fixed", "exponential", "gentle")  # policies that are no chance by themselves
IN_STEP = 10        # distances in a row that are the same: by chance once in ten million
SAME_MS = 25        # what a loop that looks every 10 ms makes of one distance


@law
def spread(case):
    config = case.plan.get("config", {})
    if case.plan.get("application") != "streams" or config.get("jitter", "none") == "none" or config.get("policy") not in STEADY:
        return Outcome({}, [])
    renewed_ms = config.get("standby_s", 0) * 1000     # a connection kept open to a backup broker is renewed then: no try
    tries, findings = {}, []    # ip -> distances in a row; a try that was not refused, or a reset, ends the row
    refused = False
    last = {}
    for e in case.events:
        kind = e["src"].partition("/")[0]
        if kind == "board" and e["ev"] == "err":
            refused = e.get("code") == "refused"
        elif kind == "chip" and e["ev"] == "reset":
            tries.clear()
            last.clear()
        elif kind == "chip" and e["ev"] == "dial":
            ip = e["ip"]
            row = tries.setdefault(ip, [])
            distance = e["t"] - last.get(ip, e["t"])
            last[ip] = e["t"]
            if not refused or distance < BASE_MS * 9 // 10 or row and max(abs(distance - d) for d in row) > SAME_MS:
                row.clear()
            if refused and distance >= BASE_MS * 9 // 10 and not (renewed_ms and distance >= renewed_ms):
                row.append(distance)
            if len(row) == IN_STEP:
                findings.append(found("spread", BAD, "%d tries to %s came at one distance of %d ms, though `jitter` is %r" % (
                    IN_STEP + 1, ip, distance, config["jitter"]), e["t"]))
    return Outcome({}, findings[:3])
