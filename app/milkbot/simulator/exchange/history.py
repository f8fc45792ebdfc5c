"""The historical tier: what ended long ago leaves the live lists and is found here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.exchange import render_market, render_orders, text
from milkbot.simulator.exchange import render_portfolio as render
from milkbot.simulator.exchange.archive import cutoff, fills_of, is_archived_market, orders_of, tape_of
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import MarketFilter, Window, names
from milkbot.simulator.exchange.paging import DEFAULT_LIMIT, page

_CUTOFFS = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
Limit = Annotated[int, Query(ge=1, le=1000)]


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything."""
    routes = APIRouter(prefix="/historical")

    @routes.get("/cutoff")
    def boundaries(request: Request) -> JSONResponse:
        with desk.public(request) as state:
            moment = text.moment(cutoff(state.now))
            return JSONResponse(dict.fromkeys(_CUTOFFS, moment))

    @routes.get("/markets")
    def markets(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        tickers: str = "",
        event_ticker: str = "",
        series_ticker: str = "",
    ) -> JSONResponse:
        asked = MarketFilter(event_ticker, series_ticker, names(tickers))
        with desk.public(request) as state:
            archived = [market for market in state.markets.values() if is_archived_market(market, state.now)]
            rows = [market for market in reversed(archived) if asked.holds(market, state.now)]
            part, after = page(rows, lambda market: market.ticker, limit, cursor)
            return JSONResponse({"markets": [render_market.market(m, state.now) for m in part], "cursor": after})

    @routes.get("/markets/{ticker}")
    def market_one(request: Request, ticker: str) -> JSONResponse:
        with desk.public(request) as state:
            market = desk.archived_market(state, ticker)
            return JSONResponse({"market": render_market.market(market, state.now)})

    @routes.get("/trades")
    def trades(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        min_ts: int | None = None,
        max_ts: int | None = None,
    ) -> JSONResponse:
        with desk.public(request) as state:
            lines = tape_of(state, ticker, Window(min_ts, max_ts), archived=True)
            part, after = page(lines, lambda line: line.trade_id, limit, cursor)
            return JSONResponse({"trades": [render_market.trade(line) for line in part], "cursor": after})

    @routes.get("/orders")
    def orders(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        max_ts: int | None = None,
    ) -> JSONResponse:
        window = Window(None, max_ts)
        with desk.viewed(request) as (state, account):
            found = orders_of(state, account, window, archived=True)
            rows = [order for order in found if ticker in ("", order.ticker)]
            part, after = page(rows, lambda order: order.order_id, limit, cursor)
            return JSONResponse({"orders": [render_orders.order(order, account) for order in part], "cursor": after})

    @routes.get("/fills")
    def fills(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        max_ts: int | None = None,
    ) -> JSONResponse:
        window = Window(None, max_ts)
        with desk.viewed(request) as (state, account):
            found = fills_of(state, account, window, archived=True)
            rows = [fill for fill in found if ticker in ("", fill.ticker)]
            part, after = page(rows, lambda fill: fill.fill_id, limit, cursor)
            return JSONResponse({"fills": [render.fill(fill) for fill in part], "cursor": after})

    @routes.get("/positions")
    def positions(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        event_ticker: str = "",
    ) -> JSONResponse:
        with desk.viewed(request) as (state, account):
            rows = [
                (state.markets[name], held)
                for name, held in account.holdings.items()
                if held.is_settled
                and held.updated_at < cutoff(state.now)
                and ticker in ("", name)
                and event_ticker in ("", state.markets[name].plan.ticker)
            ]
            part, after = page(rows, lambda row: row[0].ticker, limit, cursor)
            found = [render.market_position(market.ticker, held) for market, held in part]
            return JSONResponse(
                {"market_positions": found, "event_positions": render.event_positions(list(part)), "cursor": after}
            )

    return routes
