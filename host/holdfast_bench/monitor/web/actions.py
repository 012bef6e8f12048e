"""The buttons: ping, resend, restart, configuration, forget; and dead letters again. Each needs the token (auth.Guard sees to that)."""

import asyncio
import itertools
import json

from starlette.responses import JSONResponse
from starlette.routing import Route

from ..collector import wall_ms
from ..store import StoreError
from .auth import limited

BODY_MAX = 16 << 10
CALL_LIMIT_S = 5
CONFIG_MAX = 900        # bytes; a node takes messages up to its in_bytes


class Refusal(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Actions:
    def __init__(self, monitor):
        self._monitor, self._collector = monitor, monitor.collector
        self._numbers = itertools.count(wall_ms() % 1_000_000)

    def routes(self):
        return [Route("/api/node/" + name, self._action(fn), methods=["POST"]) for name, fn in (
            ("ping", self._ping), ("resend", self._resend), ("restart", self._restart), ("config", self._config), ("forget", self._forget))] + [
            Route("/api/alarms/retry", self._action(self._retry, of_node=False), methods=["POST"])]

    def _action(self, fn, of_node=True):
        async def answer(request):
            try:
                body = await self._body(request)
                device = body.get("id")
                if of_node and (not isinstance(device, str) or device not in self._collector.presence.watches):
                    raise Refusal(404, "no such node")
                return JSONResponse(await self._in_collector(fn, device, body))
            except Refusal as e:
                return JSONResponse({"error": str(e)}, e.status)
        return answer

    @staticmethod
    async def _body(request):
        raw = await limited(request, BODY_MAX)
        if raw is None:
            raise Refusal(413, "too long")
        try:
            body = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            raise Refusal(400, "no JSON") from None
        if not isinstance(body, dict):
            raise Refusal(400, "no JSON object")
        return body

    async def _in_collector(self, fn, *args):
        """Runs it in the collector's thread and waits for what it returns."""
        loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def finish(result, error):
            if not done.done():
                done.set_exception(error) if error else done.set_result(result)

        def run():
            try:
                result, error = fn(*args), None
            except Refusal as e:
                result, error = None, e
            except StoreError as e:
                result, error = None, Refusal(503, "database: %s" % e)
            loop.call_soon_threadsafe(finish, result, error)
        self._collector.call(run)
        try:
            return await asyncio.wait_for(done, CALL_LIMIT_S)
        except asyncio.TimeoutError:
            raise Refusal(503, "the collector is busy") from None

    def _send(self, device, name, body):
        if not self._monitor.link.connected:
            raise Refusal(503, "no connection to the broker")
        self._collector.command(device, name, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(), "the page")
        return {"ok": True, "sent": name}

    def _ping(self, device, body):
        if not self._collector.ping(device):
            raise Refusal(503, "no connection to the broker")
        return {"ok": True, "sent": "ping"}

    def _resend(self, device, body):
        return {"ok": True, "missing": self._collector.resend.hurry(device, wall_ms())}

    def _restart(self, device, body):
        kind = body.get("kind", "hard")
        if kind not in ("hard", "soft"):
            raise Refusal(400, "kind: hard or soft")
        return self._send(device, "reset", {"id": next(self._numbers), "kind": kind})

    def _config(self, device, body):
        wanted = body.get("set")
        if not isinstance(wanted, dict) or not wanted:
            raise Refusal(400, "set: an object of settings")
        if len(json.dumps(wanted, ensure_ascii=False).encode()) > CONFIG_MAX:
            raise Refusal(413, "more than %d bytes of settings" % CONFIG_MAX)
        return self._send(device, "config", {"id": next(self._numbers), "set": wanted})

    def _forget(self, device, body):
        self._collector.forget(device)
        return {"ok": True}

    def _retry(self, device, body):
        return {"ok": True, "count": self._monitor.alarms.retry_dead(self._monitor.store, wall_ms())}
