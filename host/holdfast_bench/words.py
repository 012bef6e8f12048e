"""Events of a history as people say them: for the live view, the page and error messages."""

_PLAIN = ("t", "src", "ev", "ticks")


def in_words(e):
    """One event in a few words, without its time and source."""
    say = _SAY.get(e["ev"])
    try:
        return say(e) if say else fields(e)
    except (KeyError, TypeError):
        return fields(e)


def fields(e):
    """The event's fields as they are."""
    return " ".join("%s=%s" % (k, v) for k, v in e.items() if k not in _PLAIN)


def _why(e):
    return " (%s)" % e["why"] if e.get("why") else ""


def _expect(e):
    if e["ok"]:
        return "seen: " + e["what"]
    return "NOT SEEN within %.0f s: %s%s" % (e["within_ms"] / 1000, e["what"], "; last: %s" % e["last"] if e.get("last") else "")


_SAY = {
    "text": lambda e: e["text"],
    "start": lambda e: "the run begins, seed %s" % e["seed"],
    "boot": lambda e: "started, reset cause %s, %s messages in memory" % (e["cause"], e.get("queued", "?")),
    "state": lambda e: "%s → %s%s" % (e["old"], e["new"], _why(e)),
    "link": lambda e: "Wi-Fi up, %s" % e.get("ip") if e["up"] else "Wi-Fi down%s" % _why(e),
    "bite": lambda e: "the watchdog bites",
    "reset": lambda e: "reset (%s)" % e["cause"],
    "power": lambda e: "power %s" % ("on" if e["on"] else "off"),
    "fault": lambda e: "fault %s" % e["id"] if e["id"] == e["fault"] else "fault %s: %s" % (e["id"], e["fault"]),
    "switch_on": lambda e: "%s is reset: the run begins with a fresh start" % e["board"],
    "effect": lambda e: "%s: %s" % (e["id"], e["how"] if e["ok"] else "did NOT take effect: " + e.get("why", "")),
    "alarm": lambda e: "ALARM for %s: %s" % (e["board"], e["why"]) if e["on"] else "all clear for %s" % e["board"],
    "publish": lambda e: "a message to %s" % e["topic"],
    "end": lambda e: "%s is over" % e["of"],
    "expect": _expect,
    "cut": lambda e: "the line: what is handed over from here on does not count",
    "drained": lambda e: "everything is in" if e["ok"] else "NOT DRAINED within %.0f s: %s" % (e["within_ms"] / 1000, e["missing"]),
    "stopped": lambda e: "stopped: %s" % e["why"],
    "err": lambda e: "%s %s: %s" % (e["sev"], e["code"], e["msg"]),
    "log": lambda e: e["msg"],
    "starve": lambda e: "task %s is late by %s ms: the watchdog is no longer fed" % (e["task"], e["late_ms"]),
    "missed": lambda e: "%s console events left out" % e["n"],
    "drop": lambda e: "%d dropped%s" % (e["n"], _why(e)),
    "status": lambda e: "%s says: %s, %s messages waiting" % (e["board"], e["state"], e["queued"]) if e["ok"] else "%s does not answer: %s" % (e["board"], e["why"]),
    "step": lambda e: e["what"],
    "witness": lambda e: "the witness is connected" if e["up"] else "the witness lost the broker%s" % _why(e),
    "recv": lambda e: "%s %s%s%s" % (e["topic"], e.get("payload", e.get("payload64")), " (retained)" if e["retain"] else "", " (dup)" if e["dup"] else ""),
    "accept": lambda e: "%s:%d as %d" % (e["life"], e["n"], e["i"]),
}
