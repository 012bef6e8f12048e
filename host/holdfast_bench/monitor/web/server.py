"""The web server: routes, headers, its own thread."""

import asyncio
import socket
import threading
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ...errors import BenchError
from ..metrics import exposition
from . import auth
from .actions import Actions
from .data import Data
from .live import Live

STATIC = Path(__file__).parent / "static"
FILES = {"/app.css": "text/css", "/fleet.js": "text/javascript", "/node.js": "text/javascript", "/common.js": "text/javascript", "/login.js": "text/javascript",
         "/icon.svg": "image/svg+xml"}
PAGES = {"/": "fleet.html", "/node": "node.html", "/login": "login.html"}
HEADERS = [(b"content-security-policy", b"default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'"),
           (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"x-frame-options", b"DENY")]
START_LIMIT_S = 10


class _Headers:
    """Pure ASGI: what every answer says to browsers."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def with_headers(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)
        await self._app(scope, receive, with_headers)


class Web:
    """monitor: service.Monitor. Raises BenchError when the port cannot be used."""

    def __init__(self, monitor):
        host, port = monitor.settings.listen_address
        self._monitor = monitor
        self._token, self.token_place = auth.find_token(monitor.settings)
        self.data = Data(monitor)
        self.live = Live(monitor, self.data)
        actions = Actions(monitor)
        app = Starlette(routes=[
            *(Route(path, self._page) for path in PAGES),
            *(Route(path, self._file) for path in FILES),
            Route("/login", self._login, methods=["POST"]),
            Route("/metrics", self._metrics), Route("/livez", self._livez), Route("/readyz", self._readyz), Route("/healthz", self._healthz),
            *self.data.routes(), *self.live.routes(), *actions.routes()])
        self._guard = auth.Guard(GZipMiddleware(app, minimum_size=2000), self._token, {"/login", *FILES})
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen(256)
        except OSError as e:
            self._socket.close()
            raise BenchError("listen: %s:%d cannot be used (%s): choose another with --listen" % (host, port, e.strerror)) from None
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        self.url = "http://%s:%d/" % ("[%s]" % shown if ":" in shown else shown, self._socket.getsockname()[1])
        self._server = uvicorn.Server(uvicorn.Config(_Headers(self._guard), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1,
                                                     timeout_keep_alive=30, limit_concurrency=300, server_header=False, ws="none", proxy_headers=False))
        self._thread = None

    def start(self):
        ready = threading.Event()

        def run():
            async def serve():
                ready.set()
                await self._server.serve(sockets=[self._socket])
            asyncio.run(serve())
        self._thread = threading.Thread(target=run, name="monitor web", daemon=True)
        self._thread.start()
        ready.wait(START_LIMIT_S)
        return self

    def stop(self):
        self.live.stop()
        self._server.should_exit = True
        if self._thread:
            self._thread.join(5)
        self.data.close()

    # -- answers -----------------------------------------------------------------------------------------------------------

    async def _page(self, request):
        return FileResponse(STATIC / PAGES[request.url.path], media_type="text/html", headers={"Cache-Control": "no-cache"})

    async def _file(self, request):
        path = request.url.path
        return FileResponse(STATIC / path[1:], media_type=FILES[path], headers={"Cache-Control": "no-cache"})

    async def _login(self, request):
        return await auth.login(request, self._guard)

    def _metrics(self, request):    # not a coroutine: runs beside the event loop
        return Response(exposition(self._monitor), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _livez(self, request):
        return PlainTextResponse("ok\n") if self._monitor.live() else PlainTextResponse("the collector has ended\n", 503)

    async def _readyz(self, request):
        ready, why = self._monitor.ready()
        return PlainTextResponse("ok\n") if ready else PlainTextResponse(why + "\n", 503)

    async def _healthz(self, request):
        ready, why = self._monitor.ready()
        counters = self._monitor.collector.counters
        return JSONResponse({"live": self._monitor.live(), "ready": ready, "why": why, "broker": self._monitor.link.connected,
                             "database": self._monitor.collector.trouble is None, "lag_s": round(counters.lag_s, 3), "waiting": counters.waiting},
                            200 if ready else 503)
