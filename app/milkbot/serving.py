"""What the services' answers have in common: the process that gave them, and the comparison of entity tags."""

from __future__ import annotations

import os

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from milkbot.release import release_id

RELEASE_HEADER = "X-Milkbot-Release"
INVOCATION_HEADER = "X-Milkbot-Invocation"


def etag_matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison, as RFC 9110 asks for: a proxy that compresses makes the tag a weak one."""
    given = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag.removeprefix("W/") in given or "*" in given


class Identified:
    """Names the release and systemd's invocation of the unit in every answer. The proxy takes both away again.

    A deploy's gate asks for them, since an old and a new process share one listening socket.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._release = release_id()
        # systemd gives each start of a unit its own; a process that it did not start has none.
        self._invocation = os.environ.get("INVOCATION_ID", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[RELEASE_HEADER] = self._release
                headers[INVOCATION_HEADER] = self._invocation
            await send(message)

        await self._app(scope, receive, identified if scope["type"] == "http" else send)
