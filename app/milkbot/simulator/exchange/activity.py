"""What an account did: its orders, fills and settlements. Every route needs a signature."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.engine.rejects import bad_request, not_found
from milkbot.simulator.exchange import render_orders
from milkbot.simulator.exchange import render_portfolio as render
from milkbot.simulator.exchange.archive import fills_of, orders_of
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import Window, names
from milkbot.simulator.exchange.paging import DEFAULT_LIMIT, page
from milkbot.venue.values import VenueOrderStatus

MOST_EVENTS = 10
Limit = Annotated[int, Query(ge=1, le=1000)]


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything."""
    routes = APIRouter(prefix="/portfolio")

    @routes.get("/orders")
    def orders(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        event_ticker: str = "",
        min_ts: int | None = None,
        max_ts: int | None = None,
        status: str = "",
    ) -> JSONResponse:
        events, window = names(event_ticker), Window(min_ts, max_ts)
        with desk.viewed(request) as (state, account):
            if len(events) > MOST_EVENTS:
                raise bad_request(f"event_ticker holds {len(events)} names, at most {MOST_EVENTS} are taken")
            if status not in ("", *VenueOrderStatus):
                raise bad_request(f"status is {status!r}, expected one of {', '.join(VenueOrderStatus)}")
            rows = [
                order
                for order in orders_of(state, account, window, archived=False)
                if ticker in ("", order.ticker)
                and (not events or state.markets[order.ticker].plan.ticker in events)
                and status in ("", order.status)
            ]
            part, after = page(rows, lambda order: order.order_id, limit, cursor)
            return JSONResponse({"orders": [render_orders.order(order, account) for order in part], "cursor": after})

    @routes.get("/orders/{order_id}")
    def order_one(request: Request, order_id: str) -> JSONResponse:
        with desk.viewed(request) as (state, account):
            order = state.orders.get(order_id)
            if order is None or order.account != account.key_id:
                raise not_found("order")
            return JSONResponse({"order": render_orders.order(order, account)})

    @routes.get("/fills")
    def fills(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        order_id: str = "",
        min_ts: int | None = None,
        max_ts: int | None = None,
    ) -> JSONResponse:
        tickers, window = names(ticker), Window(min_ts, max_ts)
        with desk.viewed(request) as (state, account):
            rows = [
                fill
                for fill in fills_of(state, account, window, archived=False)
                if (not tickers or fill.ticker in tickers) and order_id in ("", fill.order_id)
            ]
            part, after = page(rows, lambda fill: fill.fill_id, limit, cursor)
            return JSONResponse({"fills": [render.fill(fill) for fill in part], "cursor": after})

    @routes.get("/settlements")
    def settlements(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        event_ticker: str = "",
        min_ts: int | None = None,
        max_ts: int | None = None,
    ) -> JSONResponse:
        window = Window(min_ts, max_ts)
        with desk.viewed(request) as (state, account):
            rows = [
                settled
                for settled in sorted(state.settlements, key=lambda row: (row.at, row.sequence), reverse=True)
                if settled.account == account.key_id
                and ticker in ("", settled.ticker)
                and event_ticker in ("", settled.event_ticker)
                and window.holds(settled.at)
            ]
            part, after = page(rows, lambda settled: settled.key, limit, cursor)
            return JSONResponse({"settlements": [render.settlement(row) for row in part], "cursor": after})

    return routes
