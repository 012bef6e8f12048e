"""What the page draws: lanes and log, worked out from the history. Pure; the page's script only draws."""

import json

from ..checks.ledger import envelope, fold
from ..checks.timing import TICKS_PERIOD
from ..words import in_words

# Events that come many times a second: they are drawn as lanes; the log shows them on request.
TRAFFIC_STEPS = 240  # the lane of traffic is counted in at most so many stretches
FREQUENT = ("accept", "sent", "ack", "recv")


def view_model(result, plan):
    """Everything the page needs, JSON-able, times in ms since the run began."""
    events = result.events
    end = max((e["t"] for e in events), default=0)
    ledger = fold(events)
    boards = plan.get("boards") or sorted({e["src"].partition("/")[2] for e in events if e["src"].startswith("board/")})
    return {
        "end": end, "cut": ledger.cut_at, "ready": next((e["t"] for e in events if _is(e, "bench", "expect") and e.get("id") == "ready"), None),
        "faults": _faults(events, plan, end), "expects": [{"t": e["t"], "ok": e["ok"], "what": e["what"]} for e in events if _is(e, "bench", "expect")],
        "boards": [{"name": b, "states": _states(events, b, end), "marks": _marks(events, b), "lives": _lives(events, b),
                    "queue": _queue(ledger, b), "messages": _messages(ledger, b), "traffic": _traffic(events, b, end), "rtt": _round_trips(events, b),
                    "rssi": _signal(events, b)} for b in boards],
        "findings": [{"t": f.t, "law": f.law, "text": f.text, "verdict": f.verdict} for f in result.findings if f.t is not None],
        "log": [{"t": e["t"], "src": e["src"], "ev": e["ev"], "text": in_words(e), "level": _level(e)} for e in events],
    }


def _is(e, kind, ev):
    return e["ev"] == ev and e["src"].partition("/")[0] == kind


def _of(e, kind, board):
    return e["src"] == "%s/%s" % (kind, board)


def _faults(events, plan, end):
    momentary = {a["id"]: a.get("momentary", False) for a in plan.get("actions", [])}
    found = {}
    for e in events:
        if _is(e, "bench", "fault"):
            found[e["id"]] = {"id": e["id"], "fault": e["fault"], "t0": e["t"], "t1": e["t"] if momentary.get(e["id"]) else end,
                              "momentary": momentary.get(e["id"], False), "boards": e.get("boards", []), "effect": None}
        elif _is(e, "bench", "effect") and e["id"] in found:
            found[e["id"]]["effect"] = e.get("how") if e["ok"] else "did not take effect: " + e.get("why", "")
        elif _is(e, "bench", "end") and e["of"] in found:
            found[e["of"]]["t1"] = e["t"]
    return list(found.values())


def _states(events, board, end):
    """Segments of one state each. Between a reset and the first report of the next life the board says nothing: "reset"."""
    segments, state, why, since = [], None, "", None

    def close(t):
        if state is not None and t > since:
            segments.append({"t0": since, "t1": t, "state": state, "why": why})

    for e in events:
        if _of(e, "chip", board) and e["ev"] in ("bite", "reset") or (_of(e, "chip", board) and e["ev"] == "power" and not e.get("on")):
            close(e["t"])
            state, why, since = "reset", "", e["t"]
        elif _of(e, "board", board) and e["ev"] == "state":
            if state is None:
                state, since = e["old"], e["t"]
            close(e["t"])
            state, why, since = e["new"], e.get("why", ""), e["t"]
        elif _of(e, "board", board) and e["ev"] == "boot":
            close(e["t"])
            state, why, since = "down", "started", e["t"]
    close(end)
    return segments


def _marks(events, board):
    """Instants of note: bites and resets, with what led to them."""
    marks = []
    for e in events:
        if _of(e, "chip", board) and e["ev"] == "bite":
            marks.append({"t": e["t"], "kind": "bite", "text": "the watchdog bites"})
        elif _of(e, "chip", board) and e["ev"] == "reset":
            marks.append({"t": e["t"], "kind": "reset", "text": "reset: %s" % e.get("cause"), "first": not any(m["kind"] == "reset" for m in marks)})
        elif _of(e, "board", board) and e["ev"] == "drop":
            marks.append({"t": e["t"], "kind": "drop", "text": "%d dropped: %s" % (e["n"], e.get("why"))})
    return marks


def _lives(events, board):
    return [{"t": e["t"], "life": e.get("life"), "cause": e.get("cause"), "queued": e.get("queued")} for e in events
            if _of(e, "board", board) and e["ev"] == "boot"]


def _queue(ledger, board):
    """Steps of how many messages were handed over and had not arrived: [[t, depth], …]."""
    changes = []
    for m in ledger.messages:
        if m.board != board or m.accepted_at is None:
            continue
        changes.append((m.accepted_at, 1))
        gone = [t for t in (m.received_at[0] if m.received_at else None, m.dropped_at) if t is not None]
        if gone:
            changes.append((max(m.accepted_at, min(gone)), -1))
    steps, depth = [], 0
    for t, change in sorted(changes):
        depth += change
        if steps and steps[-1][0] == t:
            steps[-1][1] = depth
        else:
            steps.append([t, depth])
    return steps


def _traffic(events, board, end):
    """{"every": ms, "sent": [[index, count], …], "acked": …}: how many messages the board sent and had acknowledged, per stretch of time."""
    every = max(500, -(-end // TRAFFIC_STEPS // 500) * 500)
    count = {"sent": {}, "acked": {}}
    for e in events:
        if _of(e, "board", board) and e["ev"] in ("sent", "ack"):
            its = count["sent" if e["ev"] == "sent" else "acked"]
            its[e["t"] // every] = its.get(e["t"] // every, 0) + 1
    return {"every": every, **{name: sorted(map(list, its.items())) for name, its in count.items()}}


def _round_trips(events, board):
    """[[acknowledged at, ms since it was sent last], …], by the board's own ticks, which the console's delay does not touch."""
    sent, trips = {}, []
    for e in events:
        if not _of(e, "board", board):
            continue
        if e["ev"] == "boot":
            sent.clear()
        elif e["ev"] == "sent" and "i" in e:
            sent[e["i"]] = e.get("ticks", e["t"])
        elif e["ev"] == "ack" and e.get("i") in sent:
            trips.append([e["t"], (e.get("ticks", e["t"]) - sent.pop(e["i"])) % TICKS_PERIOD])
    return trips


def _signal(events, board):
    """[[t, dBm], …] of the radio, as the board reports it in its metrics (over the console or on their topic)."""
    found = []
    for e in events:
        told = None
        if _of(e, "board", board) and isinstance(e.get("metrics"), dict):
            told = e["metrics"]
        elif _of(e, "board", board) and e["ev"] == "metrics":
            told = e
        elif _is(e, "broker", "recv") and e.get("board") == board and e["topic"].endswith("/metrics"):
            opened = envelope(e)
            try:
                told = json.loads(opened.payload) if opened else None
            except ValueError:
                told = None
        if isinstance(told, dict) and isinstance(told.get("rssi"), (int, float)):
            found.append([e["t"], told["rssi"]])
    return found


def _messages(ledger, board):
    """[handed over, arrived or null, name, "" | "lost" | "dropped" | "beyond" | "dup"] of every message."""
    rows = []
    for m in ledger.messages:
        if m.board != board:
            continue
        arrived = m.received_at[0] if m.received_at else None
        kind = ("dup" if len(m.received_at) > 1 else "") if m.received_at else \
            "dropped" if m.dropped_at is not None else "beyond" if m.memory_lost else "lost"
        handed = m.accepted_at if m.accepted_at is not None else arrived
        rows.append([handed, arrived if arrived is None or handed is None else max(arrived, handed), m.key, kind])
    return _placed(rows)


def _placed(rows):
    """A message that was never announced and never came has no time of its own: it is drawn at its predecessor's."""
    last = 0
    for row in rows:
        if row[0] is None:
            row[0] = last
        last = row[0]
    return rows


def _level(e):
    if e["ev"] in FREQUENT:
        return "frequent"
    if e.get("ok") is False or e["ev"] in ("bite", "drop", "stopped", "starve", "port_lost") or e["ev"] == "alarm" and e["on"] or e.get("sev") in ("ERROR", "FATAL"):
        return "bad"
    if e["src"] == "bench" or e["src"].startswith("chip/"):
        return "note"
    return "text" if e["ev"] == "text" else "plain"
