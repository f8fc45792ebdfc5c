"""/exchange: status, schedule, and how fresh the user data is; /account: limits."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.limits import CANCEL_COST, DEFAULT_COST, READ, WRITE, Limit
from milkbot.simulator.exchange.render_market import EXCHANGE_INDEX

_ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SCHEDULE = {
    "standard_hours": [
        {
            "start_time": "2024-12-01T00:00:00Z",
            "end_time": "2200-12-01T00:00:00Z",
            **dict.fromkeys(_DAYS, _ALL_DAY),
            "thursday": [
                {"open_time": "00:00", "close_time": "03:00"},
                {"open_time": "05:00", "close_time": "00:00"},
            ],
        }
    ],
    "maintenance_windows": [],
}
_CANCELS = ("/portfolio/events/orders", "/portfolio/events/orders/{order_id}", "/portfolio/events/orders/batched")


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything."""
    routes = APIRouter()

    @routes.get("/exchange/status")
    def status(request: Request) -> JSONResponse:
        with desk.public(request) as state:
            trading = not state.is_paused(state.now)
            is_up = not state.is_down(state.now)
            resumes = state.resumes_at(state.now)
        active = {"exchange_active": is_up, "trading_active": trading, "intra_exchange_transfers_active": False}
        return JSONResponse(
            {
                **active,
                "exchange_estimated_resume_time": None if resumes is None else text.moment(resumes),
                "exchange_index_statuses": [{"exchange_index": EXCHANGE_INDEX, "description": "default", **active}],
            },
            200 if is_up else 503,
        )

    @routes.get("/exchange/schedule")
    def schedule(request: Request) -> JSONResponse:
        with desk.public(request):
            return JSONResponse({"schedule": _SCHEDULE})

    @routes.get("/exchange/user_data_timestamp")
    def user_data_timestamp(request: Request) -> JSONResponse:
        with desk.public(request) as state:
            return JSONResponse({"as_of_time": text.moment(desk.as_of(state, request))})

    @routes.get("/account/limits")
    def limits(request: Request) -> JSONResponse:
        with desk.signed(request):
            return JSONResponse({"usage_tier": "basic", "read": _bucket(READ), "write": _bucket(WRITE), "grants": []})

    @routes.get("/account/endpoint_costs")
    def endpoint_costs(request: Request) -> JSONResponse:
        with desk.public(request):
            costs = [{"method": "DELETE", "path": path, "cost": CANCEL_COST} for path in _CANCELS]
            return JSONResponse({"default_cost": DEFAULT_COST, "endpoint_costs": costs})

    return routes


def _bucket(limit: Limit) -> dict[str, Any]:
    return {"refill_rate": limit.refill_rate, "bucket_capacity": limit.capacity}
