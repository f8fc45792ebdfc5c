"""Replies that are the same at every moment: what the simulated exchange has none of, and its one category."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.render_market import CATEGORY, TAGS

PUBLIC: dict[str, dict[str, Any]] = {
    "/series/fee_changes": {"series_fee_change_arr": []},
    "/events/fee_changes": {"event_fee_changes": [], "cursor": ""},
    "/search/tags_by_categories": {"tags_by_categories": {CATEGORY: TAGS}},
}
SIGNED: dict[str, dict[str, Any]] = {
    "/portfolio/deposits": {"deposits": [], "cursor": ""},
    "/portfolio/withdrawals": {"withdrawals": [], "cursor": ""},
}


def router(desk: Desk) -> APIRouter:
    """The routes. They stand before those with a ticker in their path."""
    routes = APIRouter()
    for path, body in PUBLIC.items():
        routes.get(path)(_answering(desk.public, body))
    for path, body in SIGNED.items():
        routes.get(path)(_answering(desk.signed, body))
    return routes


def _answering(
    admitted: Callable[[Request], AbstractContextManager[object]], body: dict[str, Any]
) -> Callable[[Request], JSONResponse]:
    def reply(request: Request) -> JSONResponse:
        with admitted(request):
            return JSONResponse(body)

    return reply
