"""A link that carries nothing any more is noticed: "online" and "suspect" do not outlast a black hole by more than heartbeat and probes need. R12, R13."""

from bisect import bisect_right

from .laws import Outcome, found, law
from .result import BAD

PROBES_MS = 40_000  # an unanswered heartbeat and three probes, at the longest round trip there is
AROUND_MS = 200_000
CONNECTED = ("online", "suspect")


@law
def deaf(case):
    ping_s = case.plan.get("config", {}).get("ping_s")
    if case.plan.get("application") != "streams" or ping_s is None:
        return Outcome({}, [])
    limit_ms = ping_s * 1000 + PROBES_MS
    ends = {e["of"]: e["t"] for e in case.of("bench", "end")}
    hangs = [e["t"] for e in case.of("bench", "fault") if e["fault"] == "watchdog_hang"]
    changes = sorted([(e["t"], e["new"]) for e in case.of("board", "state")] + [(e["t"], "down") for e in case.of("board", "boot") + case.of("chip", "power")])
    lives = [e["t"] for e in case.of("chip", "reset")]
    paths = [(e["t"], e.get("path", "wifi")) for e in case.of("board", "link") if e.get("up")]
    told = [e["t"] for e in case.events if e["src"].startswith("board/")]
    findings = []
    for e in case.of("bench", "fault"):
        at = e["t"]
        if e["fault"] != "blackhole" or ends.get(e["id"], at) - at < limit_ms or any(at - AROUND_MS <= t <= at + limit_ms for t in hangs):
            continue
        before = [new for t, new in changes if t <= at][-1:]
        if not ([path for t, path in paths if t <= at] or ["wifi"])[-1].startswith("wifi"):
            continue    # the hole is in the air, and the node goes by cable
        if bisect_right(told, at) == bisect_right(told, at + limit_ms):
            continue    # it is switched off, or has nothing to say
        noticed = any(at < t <= at + limit_ms and new not in CONNECTED for t, new in changes)
        if before and before[0] in CONNECTED and not noticed and not any(at < t <= at + limit_ms for t in lives):
            findings.append(found("deaf", BAD, "still connected %d s after the network had turned into a black hole" % (limit_ms // 1000), at + limit_ms))
    return Outcome({}, findings[:3])
