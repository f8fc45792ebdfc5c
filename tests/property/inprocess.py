"""The simulator's own wire in this process: requests go into its ASGI application and never see a socket."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, TypeVar
from unittest.mock import patch

import httpx2
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message

from milkbot.simulator.faulty.gate import PATIENCE

_Answer = TypeVar("_Answer")


class InProcess(httpx2.BaseTransport):
    """Carries a request into an application and its reply back. An application that breaks off is a lost connection."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._loop.run_until_complete(_asked(self._app, request))


@contextmanager
def one_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop on which an application's plain functions run where they are called: no thread for each request."""
    loop = asyncio.new_event_loop()
    with ExitStack() as patches:
        for module in [module for module in sys.modules.values() if _uses_threads(module)]:
            patches.enter_context(patch.object(module, "run_in_threadpool", _called))
        try:
            yield loop
        finally:
            loop.close()


def _uses_threads(module: ModuleType) -> bool:
    return vars(module).get("run_in_threadpool") is run_in_threadpool


async def _called(function: Callable[..., _Answer], /, *arguments: Any, **named: Any) -> _Answer:
    return function(*arguments, **named)


async def _asked(app: ASGIApp, request: httpx2.Request) -> httpx2.Response:
    body = request.read()
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    try:
        await app(_scope(request), receive, send)
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error), request=request) from error
    except ConnectionError as error:
        raise httpx2.ReadError(str(error), request=request) from error
    start = next((message for message in told if message["type"] == "http.response.start"), None)
    if start is None:
        raise httpx2.ReadError("the connection broke", request=request)
    content = b"".join(message.get("body", b"") for message in told if message["type"] == "http.response.body")
    return httpx2.Response(start["status"], headers=start["headers"], content=content, request=request)


def _scope(request: httpx2.Request) -> dict[str, Any]:
    path, _, query = request.url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (request.url.host, request.url.port or 80),
        "extensions": {PATIENCE: request.extensions["timeout"]["read"]},
    }
