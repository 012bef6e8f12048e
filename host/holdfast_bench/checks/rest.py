"""A broker that does not want the node is left alone for as long as is configured, over resets too: no connection is tried in state
"error" before the rest is over, unless the memory that knew of it was lost. R5, R6."""

from .laws import Outcome, found, law
from .result import BAD

SLACK = 0.95
FORGETS = ("power", "en", "brownout")
WANTS_A_HUMAN = ("auth", "rejected", "tls")


@law
def rest(case):
    config = case.plan.get("config", {})
    if case.plan.get("application") != "streams" or not {"open_ms", "barred_ms"} <= set(config):
        return Outcome({}, [])
    brokers = {e["ip"] for e in case.of("chip", "dial")}
    rest_ms = (config["barred_ms"] if len(brokers) == 1 else config["open_ms"]) * SLACK
    forgets = [e["t"] for e in case.of("chip", "reset") if e.get("cause") in FORGETS] + [e["t"] for e in case.of("chip", "corrupt")]
    dials, findings = [e["t"] for e in case.of("chip", "dial")], []
    for e in case.of("board", "state"):
        if e["new"] != "error" or e.get("why") not in WANTS_A_HUMAN:  # a long back-off leads there, too
            continue
        early = next((t for t in dials if e["t"] < t < e["t"] + rest_ms), None)
        if early is not None and not any(e["t"] <= t <= early for t in forgets):
            findings.append(found("rest", BAD, "a connection was tried %.1f s after every broker had been barred, at least %.1f s are configured"
                                  % ((early - e["t"]) / 1000, rest_ms / 1000), early))
    return Outcome({}, findings[:3])
