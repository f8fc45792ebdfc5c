"""What may reach the page: its own name, its own origin, and each act once."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADDRESS = "localhost:8502"
"""Where `bin/operate` has the browser look: the only name that the page answers to."""
ORIGIN = f"http://{ADDRESS}"
_HEADERS = (
    # One script and one style sheet, both its own; it talks to nobody else, and nobody may frame it.
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class OnlyItself:
    """Refuses other names (a rebound one), and acts that another origin's page, or none, asks for."""

    def __init__(self, app: ASGIApp, origin: str = ORIGIN) -> None:
        self._app = app
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode().lower(), value.encode()) for name, value in _HEADERS),
                ]
            await send(message)

        why = refusal(scope["method"], Headers(scope=scope), self._origin)
        if why is None:
            await self._app(scope, receive, guarded)
        else:
            await PlainTextResponse(f"refused: {why}\n", HTTPStatus.FORBIDDEN)(scope, receive, guarded)


def refusal(method: str, headers: Headers, origin: str = ORIGIN) -> str | None:
    """Why a request is none of this page's; None where it is."""
    if headers.get("host") != origin.partition("://")[2]:
        return f"this page is {origin}/ and no other name"
    if method in {"GET", "HEAD"}:
        return None
    if headers.get("origin") != origin:
        return "an act comes from the page itself"
    return None


class Use(Enum):
    """What became of a ticket."""

    FIRST = auto()
    AGAIN = auto()
    UNKNOWN = auto()


@dataclass(slots=True)
class _Ticket:
    user: str
    until: float
    used: bool = False


class Tickets:
    """One for each form that is shown: it is good for one act of that user, within the hour."""

    def __init__(self, seconds: float = 3600, most: int = 4096, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, _Ticket] = OrderedDict()

    def issue(self, user: str) -> str:
        """A new one; the oldest go when there are too many."""
        ticket = secrets.token_urlsafe(16)
        self._known[ticket] = _Ticket(user, self._clock() + self._seconds)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return ticket

    def use(self, user: str, ticket: str) -> Use:
        """Use it up."""
        found = self._known.get(ticket)
        if found is None or found.user != user or self._clock() > found.until:
            return Use.UNKNOWN
        if found.used:
            return Use.AGAIN
        found.used = True
        return Use.FIRST
