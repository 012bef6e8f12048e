"""The connection state machine speaks the truth about itself: each transition starts where the last one ended. R12."""

from .laws import Outcome, found, law
from .result import BAD

STATES = ("down", "dialing", "online", "suspect", "backoff", "error")


@law
def states(case):
    now, findings = {}, []
    for e in case.events:
        if not e["src"].startswith("board/"):
            continue
        if e["ev"] == "boot":
            now.pop(e["src"], None)
        elif e["ev"] in ("missed", "port_lost"):
            now.pop(e["src"], None)  # a gap in what was read: the next transition may start anywhere
        elif e["ev"] == "state":
            board = e["src"].partition("/")[2]
            for state in (e["old"], e["new"]):
                if state not in STATES:
                    findings.append(found("states", BAD, "%s reports state %r, which does not exist" % (board, state), e["t"]))
            if e["src"] in now and now[e["src"]] != e["old"]:
                findings.append(found("states", BAD, "%s went from %s to %s, but was in %s" % (board, e["old"], e["new"], now[e["src"]]), e["t"]))
            now[e["src"]] = e["new"]
    return Outcome({}, findings)
