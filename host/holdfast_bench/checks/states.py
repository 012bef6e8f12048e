"""The connection state machine: only the states there are, only lawful transitions, each from where the last one ended. R12."""

from .laws import Outcome, found, law
from .result import BAD

# From a state to those it may lead to. Every state may end in "down".
LAWFUL = {
    "down": ("dialing",),
    "dialing": ("online", "backoff", "error"),
    "online": ("suspect", "dialing", "backoff", "error"),  # dialing: it changes to a better broker
    "suspect": ("online", "backoff", "error"),
    "backoff": ("dialing",),
    "error": ("dialing",),
}
STATES = tuple(LAWFUL)


@law
def states(case):
    now, findings = {}, []
    for e in case.events:
        if not e["src"].startswith("board/"):
            continue
        if e["ev"] == "boot":
            now.pop(e["src"], None)
        elif e["ev"] in ("missed", "port_lost") or e["ev"] == "log" and "left out" in e.get("msg", ""):
            now.pop(e["src"], None)  # a gap in what was read: the next transition may start anywhere
        elif e["ev"] == "state":
            board = e["src"].partition("/")[2]
            for state in (e["old"], e["new"]):
                if state not in STATES:
                    findings.append(found("states", BAD, "%s reports state %r, which does not exist" % (board, state), e["t"]))
            if e["src"] in now and now[e["src"]] != e["old"]:
                findings.append(found("states", BAD, "%s went from %s to %s, but was in %s" % (board, e["old"], e["new"], now[e["src"]]), e["t"]))
            if e["new"] not in ("down", *LAWFUL.get(e["old"], ())):
                findings.append(found("states", BAD, "%s went from %s to %s, which is no lawful way" % (board, e["old"], e["new"]), e["t"]))
            now[e["src"]] = e["new"]
    return Outcome({}, findings)
