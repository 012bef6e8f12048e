"""The page's data as JSON: the fleet, a node, its messages, plots, time line, gaps. Read only; everything is bounded in number."""

import json
import threading
from operator import itemgetter

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from ...errors import BenchError
from ...schema import BadSchema
from ..collector import wall_ms
from ..presence import OFFLINE, ONLINE
from ..series import decimate, values
from ..store.base import BARE_EPOCH, trace_of

LIMIT = 500
SCANNED = 50_000    # messages looked at for a plot
SORTS = {"device": 0, "state": 1, "last": 3, "signal": 4, "backlog": 5, "resets": 6, "missing": 7, "messages": 8, "rtt": 9}
ORDER = {OFFLINE: 0, "unknown": 1, "sleeping": 2, ONLINE: 3}


def whole(request, name, default, low, high):
    try:
        return max(low, min(high, int(request.query_params.get(name, default))))
    except ValueError:
        return default


class Data:
    def __init__(self, monitor):
        self._monitor, self._collector = monitor, monitor.collector
        self._lock = threading.Lock()
        self._reader = None

    def close(self):
        with self._lock:
            if self._reader:
                self._reader.close()

    def routes(self):
        return [Route("/api/summary", self._summary), Route("/api/nodes", self._nodes), Route("/api/node", self._in_thread(self.node)),
                Route("/api/node/messages", self._in_thread(self.messages)), Route("/api/node/series", self._in_thread(self.series)),
                Route("/api/node/events", self._in_thread(self.events)), Route("/api/node/gaps", self._in_thread(self.gaps)),
                Route("/api/alarms", self._in_thread(self.alarms)), Route("/api/refused", self._in_thread(self.refused))]

    def _in_thread(self, fn):
        async def answer(request):
            try:
                found = await run_in_threadpool(fn, request)
            except BenchError as e:
                return JSONResponse({"error": str(e)}, 503)
            return JSONResponse({"error": "no such node"}, 404) if found is None else JSONResponse(found)
        return answer

    def query(self, sql, values=()):
        with self._lock:
            if self._reader is None:
                self._reader = self._monitor.store.reader()
            return self._reader.query(sql, values)

    # -- the fleet ---------------------------------------------------------------------------------------------------------

    async def _summary(self, request):
        return JSONResponse(self.summary())

    def summary(self):
        monitor, collector = self._monitor, self._collector
        counters, presence, ledger = collector.counters, collector.presence, collector.ledger
        ready, why = monitor.ready()
        return {"name": monitor.name, "now_ms": wall_ms(), "started_ms": monitor.started_ms, "ready": ready, "why": why, "broker": monitor.settings.broker,
                "database": monitor.store.where, "nodes": dict(presence.counts), "alarms": presence.alarms, "received": counters.received,
                "stored": counters.stored, "duplicates": counters.duplicates, "refused": sum(counters.refused.values()), "missing": ledger.missing,
                "recovered": ledger.recovered, "gone": ledger.lost, "lag_s": round(counters.lag_s_max, 3), "waiting": counters.waiting,
                "dead_letters": monitor.alarms.dead, "late_ms": presence.late_ms}

    async def _nodes(self, request):
        return JSONResponse(self.nodes(request.query_params))

    def nodes(self, params):
        """One page of the fleet list: {"total", "rows"}; a row is [device, state, since, last, signal, backlog, resets, missing, messages, rtt, alarm, value]."""
        words = params.get("q", "").lower()[:100]
        state, sort = params.get("state", ""), SORTS.get(params.get("sort", ""), 1)
        rows = []
        fleet, ledger = self._collector.fleet.nodes, self._collector.ledger
        for device, watch in list(self._collector.presence.watches.items()):
            if words and words not in device.lower() or state and watch.state != state and not (state == "alarm" and watch.alarm):
                continue
            node = fleet.get(device)
            if node:
                rows.append(self._row(device, watch, node, ledger))
        if sort == 1:
            rows.sort(key=lambda r: (not r[10], ORDER[r[1]], r[0]))
        else:
            rows.sort(key=itemgetter(0))
            rows.sort(key=lambda r: (r[sort] is None, r[sort]) if r[sort] is not None else (True, 0))
        if params.get("order") == "down":
            rows.reverse()
        try:
            offset, limit = max(0, int(params.get("offset", 0))), max(1, min(LIMIT, int(params.get("limit", 100))))
        except ValueError:
            offset, limit = 0, 100
        return {"total": len(rows), "offset": offset, "rows": rows[offset : offset + limit]}

    @staticmethod
    def _row(device, watch, node, ledger):
        numbers = node.numbers
        signal = numbers.get("rssi")
        return [device, watch.state, watch.since_ms, node.last_ms, signal, numbers.get("queued"), sum(node.resets.values()),
                sum(s.missing for s in list(ledger.streams(device).values())), node.messages, watch.rtt_ms, watch.alarm, node.value]

    # -- one node ------------------------------------------------------------------------------------------------------------

    def node(self, request):
        return self.about(request.query_params.get("id", ""))

    def about(self, device):
        collector = self._collector
        watch, node = collector.presence.watches.get(device), collector.fleet.nodes.get(device)
        if watch is None or node is None:
            return None
        streams = [{"epoch": s.epoch, "base": s.base, "top": s.top, "received": s.received, "duplicates": s.duplicates, "missing": s.missing}
                   for s in sorted(collector.ledger.streams(device).values(), key=lambda s: -s.epoch)]
        return {"device": device, "state": watch.state, "why": watch.why, "since_ms": watch.since_ms, "heard_ms": watch.heard_ms, "alarm": watch.alarm,
                "answers_pings": watch.answers, "rtt_ms": watch.rtt_ms, "first_ms": node.first_ms, "last_ms": node.last_ms, "messages": node.messages,
                "duplicates": node.duplicates, "refused": node.refused, "numbers": node.numbers, "numbers_ms": node.numbers_ms, "text": node.text,
                "resets": node.resets, "reconnects": node.reconnects, "streams": streams, "now_ms": wall_ms()}

    def messages(self, request):
        params = request.query_params
        return {"rows": self.latest(params.get("id", ""), params.get("topic") or None, whole(request, "limit", 50, 1, LIMIT))}

    def latest(self, device, topic=None, limit=50):
        """The newest messages by number, enveloped and bare together."""
        rows = []
        for which in ("epoch >= 0", "epoch < 0"):
            rows += self.query("select epoch, seq, topic, payload, qos, sent_ms, received_ms, arrivals, trace, schema from (select * from message where device = ? and "
                               "%s order by epoch desc, seq desc limit ?) as m%s limit ?" % (which, " where topic = ?" if topic else ""),
                               (device, SCANNED if topic else limit, *((topic,) if topic else ()), limit))
        rows.sort(key=itemgetter(6), reverse=True)
        return [{"epoch": e if e >= 0 else None, "seq": s if e >= 0 else None, "topic": t, "text": self._text(device, t, p, schema), "size": len(p), "qos": q, "sent_ms": sent,
                 "received_ms": got, "arrivals": n, "trace": trace_of(device, e, s, trace) if e >= 0 else trace}
                for e, s, t, p, q, sent, got, n, trace, schema in rows[:limit]]

    def _unpacked(self, device, topic, payload, schema):
        """The values of a packed payload, None for any other."""
        if schema is None:
            return None
        try:
            return self._collector.schemas.values(device, topic, bytes(payload), schema)
        except BadSchema:
            return None

    def _text(self, device, topic, payload, schema):
        found = self._unpacked(device, topic, payload, schema)
        return _text(payload) if found is None else json.dumps(found, ensure_ascii=False)

    def series(self, request):
        """Numbers of the node's messages over time, each topic a series (each number of an object one of its own), thinned to `points`."""
        params = request.query_params
        device, minutes, points = params.get("id", ""), whole(request, "minutes", 15, 1, 60 * 24 * 31), whole(request, "points", 400, 20, 2000)
        since = wall_ms() - minutes * 60_000
        found = {}
        for epoch_part in ("epoch >= 0", "epoch = %d" % BARE_EPOCH):
            for topic, payload, sent, got, schema in self.query(
                    "select topic, payload, sent_ms, received_ms, schema from message where device = ? and %s order by epoch desc, seq desc limit ?" % epoch_part,
                    (device, SCANNED)):
                at = sent if sent and sent <= got + 60_000 else got
                if at < since:
                    if got < since:
                        break
                    continue
                for name, value in values(topic, payload, self._unpacked(device, topic, payload, schema)):
                    if name in found or len(found) < 24:
                        found.setdefault(name, []).append((at, value))
        return {"since_ms": since, "now_ms": wall_ms(), "series": [{"name": name, "points": decimate(sorted(got), points)} for name, got in sorted(found.items())]}

    def events(self, request):
        params = request.query_params
        device = params.get("id", "")
        return self.happened(device, whole(request, "minutes", 60, 1, 60 * 24 * 31))

    def happened(self, device, minutes, limit=LIMIT):
        since = wall_ms() - minutes * 60_000
        rows = self.query("select id, ms, kind, detail from event where device = ? and ms >= ? order by id desc limit ?", (device, since, limit))
        before = self.query("select ms, detail from event where device = ? and kind = 'presence' and ms < ? order by id desc limit 1", (device, since))
        return {"since_ms": since, "now_ms": wall_ms(), "before": before[0][1].split(":")[0] if before else None,
                "events": [{"id": i, "ms": ms, "kind": kind, "detail": detail} for i, ms, kind, detail in reversed(rows)]}

    def gaps(self, request):
        device = request.query_params.get("id", "")
        columns = ("epoch", "first", "last", "missing", "recovered", "gone", "asked", "state", "opened_ms", "closed_ms")
        rows = self.query("select %s from gap where device = ? order by opened_ms desc limit 200" % ", ".join(columns), (device,))
        found = {(r[0], r[1]): dict(zip(columns, r)) for r in rows}
        for stream in list(self._collector.ledger.streams(device).values()):    # newer than what is written down
            for gap in list(stream.gaps.values()):
                found[gap.epoch, gap.first] = {name: getattr(gap, name) for name in columns} | {"missing": gap.missing.text()}
        return {"rows": sorted(found.values(), key=lambda g: -g["opened_ms"])[:200]}

    # -- alarms, refused -------------------------------------------------------------------------------------------------------

    def alarms(self, request):
        watches = [w for w in list(self._collector.presence.watches.values()) if w.alarm]
        watches.sort(key=lambda w: -w.alarm_ms)
        dead = self.query("select ms, hook, body, tries, error from notification where state = 'dead' order by ms desc limit 50")
        return {"nodes": [{"device": w.device, "alarm": w.alarm, "since_ms": w.alarm_ms, "why": w.why} for w in watches[:LIMIT]], "count": len(watches),
                "recent": self._monitor.alarms.recent[-50:][::-1],
                "dead": [{"ms": ms, "hook": hook, "body": body, "tries": tries, "error": error} for ms, hook, body, tries, error in dead]}

    def refused(self, request):
        rows = self.query("select ms, topic, reason, size, head from refused order by id desc limit 100")
        return {"reasons": dict(self._collector.counters.refused),
                "rows": [{"ms": ms, "topic": topic, "reason": reason, "size": size, "head": _text(bytes(head))} for ms, topic, reason, size, head in rows]}


def _text(payload):
    payload = bytes(payload)
    try:
        text = payload[:400].decode()
    except UnicodeDecodeError:
        return payload[:64].hex(" ")
    return text
