"""Alarms on their way to other systems (R40): kept in the database until delivered, retried, and kept as dead letters when all tries were in vain.

Every hook has a thread and a queue of its own, so that one that hangs delays no other. At least once: the id tells a receiver what it has seen. When
very many nodes fall silent together, which is one event, one notification names them all.
"""

import json
import queue
import threading
import time
import uuid
from datetime import datetime, timezone

from .presence import SCAN_MS

PENDING, SENT, DEAD = "pending", "sent", "dead"
TRIES = 12
BASE_S, CAP_S = 1, 300      # pauses between tries: together about half an hour
TOGETHER = 20               # more alarms of one kind than this in one scan are told as one
NAMED_MAX = 100
QUEUE_MAX = 10_000
KEEP_SENT_MS = 7 * 86_400_000


def iso(ms):
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Alarms:
    """ring() and flush() belong to the collector's thread, `call(fn, …)` brings results back into it."""

    def __init__(self, hooks, monitor, counters, call, log):
        self._hooks = {}
        for hook in hooks:
            label, n = hook.label, 2
            while label in self._hooks:     # two hooks at one host
                label, n = "%s#%d" % (hook.label, n), n + 1
            self._hooks[label] = _Worker(label, hook, self._result)
        self._monitor, self._counters, self._call, self._log = monitor, counters, call, log
        self._rung = []
        self._unwritten = {}        # id -> newest row for the table notification: a database that is away for long costs no memory for every try
        self.recent = []            # bodies, for the page; newest last
        self.dead = 0

    # -- in the collector's thread -----------------------------------------------------------------------------------------

    def restore(self, store, now_ms):
        """What was not delivered when the last run ended goes out now."""
        for key, hook, body in store.query("select id, hook, body from notification where state = ? order by ms", (PENDING,)):
            worker = self._hooks.get(hook)
            if worker:
                worker.put(key, json.loads(body), 0)
        self.dead = store.one("select count(*) from notification where state = ?", (DEAD,))[0]

    def ring(self, watch, kind, why):
        """Presence says: this node has an alarm of that kind, or (None) no longer one."""
        self._rung.append((watch.device, kind or "recovered", why, watch.heard_ms, watch.alarm_ms))

    def flush(self, now_ms):
        """What has been rung since the last call becomes notifications."""
        rung, self._rung = self._rung, []
        for alarm in dict.fromkeys(kind for _, kind, *_ in rung):
            these = [r for r in rung if r[1] == alarm]
            if len(these) > TOGETHER:
                self._send(now_ms, {"device": None, "devices": [r[0] for r in these[:NAMED_MAX]], "count": len(these), "alarm": alarm,
                                    "why": "%d nodes at once" % len(these), "last_seen": iso(max(r[3] for r in these))})
                continue
            for device, _, why, heard_ms, _ in these:
                self._send(now_ms, {"device": device, "alarm": alarm, "why": why, "last_seen": iso(heard_ms)})

    def _send(self, now_ms, body):
        body = {"id": uuid.uuid4().hex, "time": iso(now_ms), "monitor": self._monitor, **body}
        self.recent.append(body)
        del self.recent[:-200]
        self._log.warning("alarm" if body["alarm"] != "recovered" else "alarm over", device=body["device"], alarm=body["alarm"], why=body["why"])
        for label, worker in self._hooks.items():
            key = "%s:%s" % (body["id"], label)
            self._unwritten[key] = (key, now_ms, label, json.dumps(body, ensure_ascii=False), 0, now_ms, PENDING, None)
            worker.put(key, body, 0)

    def write(self, store, now_ms):
        """Housekeeping: notifications and what became of them into the database."""
        rows = list(self._unwritten.values())
        if not rows:
            return False
        with store.transaction():
            for row in rows:
                store.execute("insert into notification (id, ms, hook, body, tries, next_ms, state, error) values (?, ?, ?, ?, ?, ?, ?, ?) "
                              "on conflict (id) do update set tries = excluded.tries, next_ms = excluded.next_ms, state = excluded.state, "
                              "error = excluded.error", row)
        self._unwritten.clear()
        return False

    def purge(self, store, now_ms):
        with store.transaction():
            store.execute("delete from notification where state = ? and ms < ?", (SENT, now_ms - KEEP_SENT_MS))

    def retry_dead(self, store, now_ms):
        """Dead letters get all their tries again. Returns how many."""
        dead = store.query("select id, hook, body from notification where state = ?", (DEAD,))
        for key, hook, body in dead:
            if hook in self._hooks:
                self._unwritten[key] = (key, now_ms, hook, body, 0, now_ms, PENDING, None)
                self._hooks[hook].put(key, json.loads(body), 0)
        self.dead = 0
        return len(dead)

    def _done(self, key, label, body, tries, error, now_ms):
        state = SENT if error is None else DEAD if tries >= TRIES else PENDING
        self._counters.deliveries[label, "ok" if error is None else "failed"] += 1
        if state == DEAD:
            self.dead += 1
            self._log.error("notification given up", hook=label, device=body["device"], alarm=body["alarm"], why=error, tries=tries)
        elif error:
            self._log.warning("notification not delivered", hook=label, why=error, tries=tries)
        self._unwritten[key] = (key, now_ms, label, json.dumps(body, ensure_ascii=False), tries, now_ms, state, error)

    def labels(self):
        return {label: worker.waiting() for label, worker in self._hooks.items()}

    # -- other threads -------------------------------------------------------------------------------------------------------

    def _result(self, *args):
        self._call(self._done, *args)

    def close(self):
        for worker in self._hooks.values():
            worker.close()


class _Worker:
    """One hook's thread. result(key, label, body, tries, error, now_ms) after every try."""

    def __init__(self, label, hook, result):
        self._label, self._hook, self._result = label, hook, result
        self._queue = queue.PriorityQueue(QUEUE_MAX)
        self._order = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hook " + label, daemon=True)
        self._thread.start()

    def waiting(self):
        return self._queue.qsize()

    def put(self, key, body, tries, due=0.0):
        self._order += 1
        try:
            self._queue.put_nowait((due, self._order, key, body, tries))
        except queue.Full:
            pass        # it stays pending in the database and goes out after the next start

    def close(self):
        self._closing.set()
        self.put(None, None, 0, -1.0)
        self._thread.join(2)

    def _run(self):
        while not self._closing.is_set():
            due, order, key, body, tries = self._queue.get()
            if key is None:
                return
            wait = due - time.monotonic()
            if wait > 0:
                # Something newer may be due earlier: look again soon. (A put that waited for room would wait for this very thread.)
                self.put(key, body, tries, due)
                self._closing.wait(min(wait, SCAN_MS / 1000))
                continue
            error = None
            try:
                self._hook.deliver(body)
            except Exception as e:      # whatever a hook does, the next notification gets its chance
                error = str(e) or type(e).__name__
            tries += 1
            if error and tries < TRIES:
                self.put(key, body, tries, time.monotonic() + min(CAP_S, BASE_S * 2 ** (tries - 1)))
            self._result(key, self._label, body, tries, error, time.time_ns() // 1_000_000)
