"""A history as a story: one line an event, in words; what comes many times a second is summed up. Pure."""

from ..words import in_words

FREQUENT = {"accept": "accepted", "sent": "sent", "ack": "acknowledged", "recv": "arrived", "refuse": "refused", "drop": "dropped"}


def story(events, ids=(), whole=False):
    """Yields (t, who, text, level) of a history. ids: messages ("<life>:<n>") whose every event is told; whole: everything is.

    level: "fault", "bad", "life", "state" or "".
    """
    counts, since = {}, None
    wanted = [i.split(":") for i in ids]
    for e in events:
        if not whole and e["ev"] in FREQUENT and not _about(e, wanted):
            if since is None:
                since = e["t"]
            counts[e["ev"]] = counts.get(e["ev"], 0) + (e.get("n", 1) if e["ev"] == "drop" else 1)
            continue
        if counts:
            yield since, "", _sum(counts), ""
            counts, since = {}, None
        yield e["t"], _who(e), in_words(e), _level(e)
    if counts:
        yield since, "", _sum(counts), ""


def _sum(counts):
    return "… %s" % ", ".join("%d %s" % (counts[ev], FREQUENT[ev]) for ev in FREQUENT if ev in counts)


def _about(e, wanted):
    for life, n in wanted:
        if e.get("life") == life and str(e.get("n")) == n or "%s:%s " % (life, n) in e.get("payload", ""):
            return True
    return False


def _who(e):
    return e["src"]


def _level(e):
    if e["src"] == "bench":
        return "bad" if e.get("ok") is False else "fault"
    if e["src"].startswith("chip/") and e["ev"] in ("reset", "bite", "power", "sleep"):
        return "life"
    if e["ev"] in ("err", "text", "starve"):
        return "bad"
    return "state" if e["ev"] == "state" else ""
