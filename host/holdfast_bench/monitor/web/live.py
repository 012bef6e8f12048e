"""Server-sent events: the page that somebody looks at, once a second, and only when it has changed."""

import asyncio
import json
import threading
import time

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

EVERY_S = 1.0
VIEWS_KEPT = 50     # filters and sortings of the fleet that are remembered for the others who look at the same
LISTENERS_MAX = 100
QUIET_S = 15        # a comment so often keeps proxies from closing


class Live:
    def __init__(self, monitor, data):
        self._monitor, self._data = monitor, data
        self._listeners = 0
        self._stopping = False
        self._lock = threading.Lock()
        self._views = {}    # question: (when, texts); sorting a fleet once a second is enough, however many look at it

    def routes(self):
        return [Route("/live/fleet", self._fleet), Route("/live/node", self._node)]

    def stop(self):
        self._stopping = True

    async def _fleet(self, request):
        params = dict(request.query_params)
        return self._stream(request, lambda: self._shared(tuple(sorted(params.items())), params))

    def _shared(self, question, params):
        with self._lock:
            when, texts = self._views.get(question, (0, None))
            now = time.monotonic()
            if texts is None or now - when > EVERY_S / 2:
                if len(self._views) >= VIEWS_KEPT:
                    self._views.clear()
                texts = _texts({"summary": self._data.summary(), "nodes": self._data.nodes(params)})
                self._views[question] = now, texts
            return texts

    async def _node(self, request):
        device = request.query_params.get("id", "")

        def look():
            about = self._data.about(device)
            if about is None:
                return _texts({"node": None})
            about.pop("now_ms")
            return _texts({"node": about, "messages": self._data.latest(device, limit=30)})
        return self._stream(request, look)

    def _stream(self, request, look):
        if self._listeners >= LISTENERS_MAX:
            return JSONResponse({"error": "too many are looking already"}, 503)
        return StreamingResponse(self._events(request, look), media_type="text/event-stream",
                                 headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "identity"})

    async def _events(self, request, look):
        self._listeners += 1
        last, silent = {}, 0.0
        try:
            yield "retry: 2000\n\n"
            while not self._stopping and not await request.is_disconnected():
                found = await run_in_threadpool(look)
                told = False
                for name, text in found.items():
                    if last.get(name) != text:
                        last[name] = text
                        told = True
                        yield "event: %s\ndata: %s\n\n" % (name, text)
                silent = 0.0 if told else silent + EVERY_S
                if silent >= QUIET_S:
                    silent = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(EVERY_S)
        finally:
            self._listeners -= 1


def _texts(found):
    return {name: json.dumps(value, ensure_ascii=False, separators=(",", ":")) for name, value in found.items()}
