"""Who may do what: reading is open to this machine only; everything else needs the token. The token itself is never shown or logged."""

import hmac
import ipaddress
import json
import os
import secrets
import time
from collections import OrderedDict
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

from ...errors import BenchError
from ..settings import secret

COOKIE = "holdfast_session"
SESSIONS_MAX, SESSION_S = 1000, 7 * 86400
WRONG_PAUSE_S = 1.0     # after a wrong token nobody at that address is let in for so long: guessing is hopeless
SHUT_MAX = 10_000       # addresses
LOGIN_MAX = 4096        # bytes
FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")


def find_token(settings):
    """(token, where it is kept for people). Made at the first start, beside the database, readable by its owner only. Raises BenchError."""
    given = secret(settings.token_file, "HOLDFAST_MONITOR_TOKEN", "token_file")
    if given is not None:
        if len(given) < 16:
            raise BenchError("token_file: a token has at least 16 characters")
        return given, settings.token_file or "HOLDFAST_MONITOR_TOKEN"
    path = Path("holdfast-monitor.token") if "://" in settings.database else Path(settings.database + ".token")
    try:
        return path.read_text().strip(), str(path)
    except FileNotFoundError:
        pass
    except OSError as e:
        raise BenchError("cannot read %s (%s)" % (path, e.strerror)) from None
    token = secrets.token_urlsafe(24)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            f.write(token + "\n")
    except OSError as e:
        raise BenchError("cannot write %s (%s): name a token_file" % (path, e.strerror)) from None
    return token, str(path)


class Guard:
    """ASGI middleware. `open_paths` need nothing: the page's own files and the way to log in."""

    def __init__(self, app, token, open_paths):
        self._app, self._token, self._open = app, token.encode(), open_paths
        self._sessions = OrderedDict()      # cookie -> when it ends
        self._shut = OrderedDict()          # address -> until when; others are not to suffer for it

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        reading = scope["method"] in ("GET", "HEAD")
        path = scope["path"]
        if path in self._open and (reading or path == "/login") or reading and self._here(scope, headers) or self._known(headers, reading, client(scope)):
            return await self._app(scope, receive, send)
        if reading and b"text/html" in headers.get(b"accept", b""):
            answer = RedirectResponse("/login", 303)
        else:
            answer = JSONResponse({"error": "a token is needed: Authorization: Bearer …"}, 401, {"WWW-Authenticate": "Bearer"})
        await answer(scope, receive, send)

    @staticmethod
    def _here(scope, headers):
        """Whether the request comes from this machine itself: not through a proxy, and not by a name that somebody's DNS made point here."""
        if any(name in headers for name in FORWARDED):
            return False
        try:
            host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname
        except ValueError:
            return False
        return _loopback(client(scope)) and (host == "localhost" or _loopback(host))

    def _known(self, headers, reading, who):
        given = headers.get(b"authorization", b"")
        if given[:7].lower() == b"bearer ":
            return self._right(given[7:].strip(), who)
        if not reading and not self._same_origin(headers):
            return False
        for part in headers.get(b"cookie", b"").split(b";"):
            name, _, value = part.strip().partition(b"=")
            if name == COOKIE.encode() and self._sessions.get(value, 0) > time.monotonic():
                return True
        return False

    @staticmethod
    def _same_origin(headers):
        """A cookie counts only for what our own page sends."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        try:
            return bool(origin) and urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")
        except ValueError:
            return False

    def _right(self, given, who):
        if time.monotonic() < self._shut.get(who, 0):
            return False
        if hmac.compare_digest(given, self._token):
            return True
        self._shut[who] = time.monotonic() + WRONG_PAUSE_S
        self._shut.move_to_end(who)
        while len(self._shut) > SHUT_MAX:
            self._shut.popitem(last=False)
        return False

    def login(self, token, who):
        """A cookie's value for the right token, else None. who: the address that it comes from."""
        if not self._right(token.encode("utf-8", "replace"), who):
            return None
        value = secrets.token_urlsafe(24).encode()
        self._sessions[value] = time.monotonic() + SESSION_S
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return value.decode()


async def limited(request, most):
    """The request's body; None, and the rest is not read, when it is longer than `most` bytes."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            return None
    return raw


def client(scope):
    """Where a request comes from, an address; "" when nobody knows."""
    return scope["client"][0] if scope.get("client") else ""


def _loopback(host):
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


async def login(request, guard):
    """POST /login with {"token": …}."""
    body = await limited(request, LOGIN_MAX)
    if body is None:
        return PlainTextResponse("too long", 413)
    try:
        token = json.loads(body)["token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = ""
    value = guard.login(token, client(request.scope)) if isinstance(token, str) else None
    if value is None:
        return JSONResponse({"error": "this is not the token"}, 403)
    answer = JSONResponse({"ok": True})
    answer.set_cookie(COOKIE, value, max_age=SESSION_S, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer
