"""What was going on at one moment of a run: faults under way, the board's connection, what waited, what had just happened.

For people: it goes with each finding. Pure.
"""

JUST_MS = 3000  # so long before the moment a reset still counts as "just"


def going_on(case, t, ids=()):
    """In words, for the moment `t` (ms); `ids` are the messages it is about, whose board and further fate are told."""
    concerned = [m for m in case.ledger.messages if m.key in set(ids)]
    boards = sorted({m.board for m in concerned if m.board}) or case.plan.get("boards", [])
    parts = _faults(case, t)
    for board in boards[:3]:
        whose = "" if len(case.plan.get("boards", [])) == 1 else board + " "
        parts += [whose + text for text in _board(case, board, t)]
    return "; ".join(parts + _fate(case, concerned))


def _faults(case, t):
    under_way = {}
    for e in case.of("bench", "fault"):
        if e["t"] <= t:
            under_way[e["id"]] = e["t"], case.action(e["id"]).get("momentary")
    for e in case.of("bench", "end"):
        if e["t"] <= t:
            under_way.pop(e["of"], None)
    parts = ["%s for %.1f s" % (own_id, (t - since) / 1000) for own_id, (since, momentary) in under_way.items() if not momentary]
    parts += ["%s %.1f s before" % (own_id, (t - since) / 1000) for own_id, (since, momentary) in under_way.items() if momentary and t - since < 10 * JUST_MS][-2:]
    return parts or ["no fault under way"]


def _board(case, board, t):
    state, since, reset = None, 0, None
    for e in case.events:
        if e["t"] > t:
            break
        if e["src"] == "board/" + board and e["ev"] == "state":
            state, since = e["new"], e["t"]
        elif e["src"] == "board/" + board and e["ev"] == "boot":
            state, since = "down", e["t"]
        elif e["src"] == "chip/" + board and e["ev"] in ("reset", "bite"):
            reset = e
    parts = ["%s for %.1f s" % (state, (t - since) / 1000)] if state else ["not yet started"]
    if reset is not None and t - reset["t"] < JUST_MS:
        parts.append("%s %.1f s before" % ("watchdog bite" if reset["ev"] == "bite" else "reset (%s)" % reset.get("cause"), (t - reset["t"]) / 1000))
    waiting = sum(m.accepted_at is not None and m.accepted_at <= t and m.board == board and not any(r <= t for r in m.received_at)
                  and not (m.dropped_at is not None and m.dropped_at <= t) for m in case.ledger.messages)
    return [*parts, "%d messages waiting" % waiting]


def _fate(case, messages):
    """What came over the messages after they had been accepted: the resets of their board."""
    accepted = [m.accepted_at for m in messages if m.accepted_at is not None]
    if not accepted:
        return []
    board, last = messages[0].board, max(accepted)
    after = [e for e in case.of("chip", "reset") if e["src"] == "chip/%s" % board and e["t"] > last]
    return ["they were handed over until %.1f s" % (last / 1000)] * (len(accepted) > 1) + (
        ["then came reset (%s) at %.1f s" % (after[0].get("cause"), after[0]["t"] / 1000)] if after else [])
