"""The login of the operator's page on the web: whoever has a session gets the page, everybody else the login.

It forwards to the page's Unix socket, and builds each of these requests itself: no header of a visitor's comes along,
and the page believes the name of this service's user alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from milkbot.control.requests import LONGEST
from milkbot.operate.asking import SECONDS
from milkbot.operate.guard import ORIGIN, OnlyItself
from milkbot.operate.keys import SESSION_SECONDS, Keys
from milkbot.operate.passkeys import ATTEMPT_SECONDS, Passkeys, RefusedError
from milkbot.operate.peers import NAME_HEADER

_log = structlog.get_logger(__name__)
# Browsers take a cookie of that prefix from this very origin alone, by https, and for the whole of it.
SESSION, ATTEMPT = "__Host-operator", "__Host-attempt"
_FILES = {
    "/login": ("login.html", "text/html"),
    "/enrol": ("login.html", "text/html"),
    "/login.js": ("login.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}
_REFUSED = "This passkey was not accepted. Try again; on the server, milkbot operator list shows who is enrolled."
_NO_LINK = "This link is not good any more: it works once, for ten minutes. On the server: milkbot operator add NAME"


class Login:
    """The routes. `page` is the socket of the operator's page."""

    def __init__(self, keys: Keys, origin: str, page: Path) -> None:
        self._keys = keys
        self._origin = origin
        self._passkeys = Passkeys(keys, origin)
        # No connection is kept: the page may be restarted at any time.
        self._page = httpx2.AsyncClient(
            base_url=ORIGIN,
            transport=httpx2.AsyncHTTPTransport(
                uds=str(page), limits=httpx2.Limits(max_connections=32, max_keepalive_connections=0)
            ),
            timeout=SECONDS + 5,
        )

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            *(Route(path, _file(*of), methods=["GET"]) for path, of in _FILES.items()),
            Route("/login/begin", self._begin_login, methods=["POST"]),
            Route("/login/finish", self._finish_login, methods=["POST"]),
            Route("/enrol/begin", self._begin_enrolment, methods=["POST"]),
            Route("/enrol/finish", self._finish_enrolment, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/{path:path}", self._forward, methods=["GET", "POST"]),
        ]
        return Starlette(routes=routes, middleware=[Middleware(OnlyItself, origin=self._origin)])

    async def _begin_login(self, _request: Request) -> Response:
        return _begun(*self._passkeys.begin_login())

    async def _finish_login(self, request: Request) -> Response:
        try:
            credential = await _json(request)
            name, session = await run_in_threadpool(self._passkeys.finish_login, _attempt(request), credential)
        except RefusedError as error:
            return _refused(request, "login refused", error, _REFUSED)
        _log.info("operator logged in", operator=name, address=_address(request))
        answer = PlainTextResponse("in\n")
        _set(answer, SESSION, session, SESSION_SECONDS)
        return answer

    async def _begin_enrolment(self, request: Request) -> Response:
        try:
            link = str((await _json(request)).get("link", ""))
            return _begun(*await run_in_threadpool(self._passkeys.begin_enrolment, link))
        except RefusedError as error:
            return _refused(request, "enrolment refused", error, _NO_LINK)

    async def _finish_enrolment(self, request: Request) -> Response:
        try:
            credential = await _json(request)
            name = await run_in_threadpool(self._passkeys.finish_enrolment, _attempt(request), credential)
        except RefusedError as error:
            return _refused(request, "enrolment refused", error, _REFUSED)
        _log.info("passkey enrolled", operator=name, address=_address(request))
        return PlainTextResponse("enrolled\n")

    async def _logout(self, request: Request) -> Response:
        await run_in_threadpool(self._keys.end_session, request.cookies.get(SESSION, ""))
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        _set(answer, SESSION, "", 0)
        return answer

    async def _forward(self, request: Request) -> Response:
        """Everything that is not the login, for who has a session; the page gets the name, and nothing else of him."""
        name = await run_in_threadpool(self._keys.name_of_session, request.cookies.get(SESSION, ""))
        if name is None and request.url.path == "/" and request.method == "GET":
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        if name is None:
            return PlainTextResponse("refused: log in first, at /login\n", HTTPStatus.UNAUTHORIZED)
        headers = {NAME_HEADER: name, "Origin": ORIGIN}
        if request.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            body = await _body(request)
            came = await self._page.request(request.method, address, content=body, headers=headers)
        except RefusedError as error:
            return PlainTextResponse(f"refused: {error}\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except httpx2.HTTPError:
            said = "The operator's page does not answer. On the server: systemctl status milkbot-operator\n"
            return PlainTextResponse(said, HTTPStatus.BAD_GATEWAY)
        kept = {name: came.headers[name] for name in ("Content-Type", "Location") if name in came.headers}
        return Response(came.content, came.status_code, kept)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("milkbot.operate").joinpath(name).read_bytes()

    async def send(_request: Request) -> Response:
        return Response(content, media_type=kind)

    return send


def _begun(attempt: str, options: str) -> Response:
    answer = Response(options, media_type="application/json")
    _set(answer, ATTEMPT, attempt, ATTEMPT_SECONDS)
    return answer


def _set(answer: Response, cookie: str, value: str, seconds: int) -> None:
    answer.set_cookie(cookie, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")


def _attempt(request: Request) -> str:
    return request.cookies.get(ATTEMPT, "")


async def _body(request: Request) -> bytes:
    """Raises RefusedError for more than an act may have."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise RefusedError(f"the form has more than {LONGEST} bytes")
    return body


async def _json(request: Request) -> dict[str, Any]:
    """Raises RefusedError where the body is no object."""
    try:
        found = json.loads(await _body(request))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError("no JSON object")
    return found


def _refused(request: Request, event: str, why: RefusedError, said: str) -> Response:
    _log.warning(event, reason=str(why), address=_address(request))
    return PlainTextResponse(f"{said}\n", HTTPStatus.FORBIDDEN)


def _address(request: Request) -> str:
    """The visitor's address, as nginx says it; for the log alone."""
    return request.headers.get("X-Real-IP", "unknown")
