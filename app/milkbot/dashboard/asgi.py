"""What uvicorn starts: `uvicorn milkbot.dashboard.asgi:app`."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.starlette import App

from milkbot.dashboard.configured import analytics, settings, views
from milkbot.dashboard.site.answers import PageAnswers
from milkbot.dashboard.site.routes import site_routes
from milkbot.errors import ConfigError
from milkbot.logging import adopt_loggers, configure_logging
from milkbot.serving import Identified

_log = structlog.get_logger(__name__)
_POLICY_VIOLATION = 1008
_MODULES_OF_THE_PAGE = (
    "PIL.Image",
    "pandas",
    "pyarrow.pandas_compat",
    "milkbot.dashboard.explore",
)


class SameOriginSockets:
    """Refuses websockets of other sites' pages.

    Streamlit compares origins too, but for one that it does not know it asks a service on the internet for this host's
    address, once for each such request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != headers.get("host"):
                _log.warning("websocket of another origin refused", origin=origin)
                await receive()
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                return
        await self._app(scope, receive, send)


@asynccontextmanager
async def _lifespan(_app: App) -> AsyncIterator[dict[str, Any] | None]:
    # Else the first visitor would wait for them.
    for module in _MODULES_OF_THE_PAGE:
        import_module(module)
    views()
    # Streamlit asks for the stack before it shows the first page: the first answer takes a walk through all modules.
    inspect.stack()
    # Streamlit collects garbage after every run of the page, and meanwhile nobody is answered: a tenth of a second and
    # more for each visitor, when it goes through the modules as well. These never become garbage.
    gc.collect()
    gc.freeze()
    # Pages are computed in other threads than the one that answers: it gets its turn sooner.
    sys.setswitchinterval(0.0005)
    # Streamlit gives handlers to its loggers while it starts.
    adopt_loggers()
    yield None


def _log_script_error(error: Exception) -> None:
    _log.error("page failed", exc_info=error)


def _configured() -> App:
    try:
        configure_logging(settings(), "dashboard")
    except ConfigError as error:
        for sentence in error.problems:
            print(f"milkbot-dashboard: {sentence}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    return App(
        Path(__file__).with_name("page.py"),
        routes=site_routes(PageAnswers(analytics, settings().dash_refresh_sec)),
        middleware=[Middleware(SameOriginSockets)],
        lifespan=_lifespan,
        on_script_error=_log_script_error,
    )


# Outermost, so that it names the process in answers to what nobody handled as well.
app = Identified(_configured())
