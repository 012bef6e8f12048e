"""Nothing corrupt and nothing invented is delivered: every byte is what the application gave, every sequence number means one
message, and every message was handed over by somebody. R20, R28, R33.

What was given follows from the message's number where the application is that of campaigns (campaign/app/main.py); it also tells of
every message, and its world is new. A real broker may hold messages of earlier runs, which say nothing.
"""

from .laws import Outcome, found, law
from .ledger import envelope, numbered
from .result import BAD

UNTOLD = 30  # messages that may have been handed over and were still to be told of when a reset cut the console off
_TEXT = bytes(33 + i * 7 % 90 for i in range(90)) * 8
_BINARY = bytes(i * 37 + 11 & 255 for i in range(256)) * 3


@law
def content(case):
    kinds = case.plan.get("config", {}).get("app", {}).get("streams") if case.plan.get("application") == "streams" else None
    known, findings, meaning = _handed_over(case), [], {}
    gaps = _gaps(case)
    cuts = len(case.of("chip", "reset")) > 1  # what the console had not told by then it never told
    for e in case.of("broker", "recv"):
        topic = e.get("topic", "")
        if topic.endswith(("/status", "/metrics")):
            continue
        name = numbered(e)
        if name is None:
            if kinds is not None:
                findings.append(found("content", BAD, "what arrived on %s is no message of the application: %.80s" % (topic, e.get("payload", e.get("payload64"))), e["t"]))
            continue
        life, n = name
        if kinds is not None and not _right(envelope(e).payload, topic, n, kinds):
            findings.append(found("content", BAD, "%s:%d arrived with other bytes than it was given" % name, e["t"], ["%s:%d" % name]))
        if kinds is not None and (life not in known or n > known[life] + (UNTOLD if cuts else 0) and not gaps):
            findings.append(found("content", BAD, "%s:%d arrived, but nobody has handed it over" % name, e["t"], ["%s:%d" % name]))
        _same_meaning(envelope(e), name, meaning, e, findings)
    return Outcome({}, findings[:5])


def _right(given, topic, n, kinds):
    """Whether the filler is the one of message n of its stream."""
    for kind in kinds:
        if topic.endswith("/" + kind["topic"]):
            head, filler = given[:given.index(b" ") + 1], _BINARY if kind["binary"] else _TEXT
            size = max(0, kind["low"] + n * 31 % (kind["high"] - kind["low"] + 1) - len(head))
            start = n * 13 % (256 if kind["binary"] else 90)
            return given[len(head):] == filler[start:start + size]
    return False


def _handed_over(case):
    """life -> highest number that the console has told of."""
    known = {}
    for e in case.events:
        if e["src"].startswith("board/"):
            if e["ev"] == "boot" and e.get("life"):
                known.setdefault(e["life"], 0)
            elif e["ev"] == "lives":
                for life in e["lives"]:
                    known.setdefault(life, 0)
            elif e["ev"] in ("accept", "refuse"):
                known[e["life"]] = max(known.get(e["life"], 0), e["n"])
    return known


def _gaps(case):
    """Whether the console left something out."""
    return any(e["ev"] in ("missed", "port_lost") or (e["ev"] == "log" and "left out" in e.get("msg", "")) for e in case.events)


def _same_meaning(opened, name, meaning, e, findings):
    """Sequence number i of boot epoch b stands for one message of a board only."""
    if opened.seq is None:
        return
    key = opened.epoch, opened.seq, e.get("board")
    if meaning.setdefault(key, name) != name:
        findings.append(found("content", BAD, "number %s of epoch %s is %s:%d, but was %s:%d before" % (key[1], key[0], *name, *meaning[key]), e["t"]))
