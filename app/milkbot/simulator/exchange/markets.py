"""Markets, order books and the public tape: no key needed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.engine.rejects import bad_request, not_found
from milkbot.simulator.exchange import render_market as render
from milkbot.simulator.exchange.archive import is_archived_market, tape_of
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import MarketFilter, Window, names, statuses
from milkbot.simulator.exchange.paging import DEFAULT_LIMIT, page

MOST_ORDERBOOKS = 100

Limit = Annotated[int, Query(ge=1, le=1000)]
Depth = Annotated[int, Query(le=100)]


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything that the caller may see."""
    routes = APIRouter()

    @routes.get("/markets")
    def market_list(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        event_ticker: str = "",
        series_ticker: str = "",
        tickers: str = "",
        status: str = "",
        min_created_ts: int | None = None,
        max_created_ts: int | None = None,
        min_close_ts: int | None = None,
        max_close_ts: int | None = None,
        min_settled_ts: int | None = None,
        max_settled_ts: int | None = None,
        min_updated_ts: int | None = None,
    ) -> JSONResponse:
        asked = MarketFilter(
            event_ticker,
            series_ticker,
            names(tickers),
            statuses(status),
            Window(min_created_ts, max_created_ts),
            Window(min_close_ts, max_close_ts),
            Window(min_settled_ts, max_settled_ts),
            min_updated_ts,
        )
        with desk.public(request) as state:
            live = [market for market in state.markets.values() if not is_archived_market(market, state.now)]
            markets = [market for market in live if asked.holds(market, state.now)]
            part, after = page(markets[::-1], lambda market: market.ticker, limit, cursor)
            shown = [desk.market(market.ticker) or market for market in part]
            return JSONResponse({"markets": [render.market(m, state.now) for m in shown], "cursor": after})

    @routes.get("/markets/orderbooks")
    def orderbooks(request: Request, tickers: Annotated[list[str] | None, Query()] = None) -> JSONResponse:
        with desk.public(request):
            if not tickers or len(tickers) > MOST_ORDERBOOKS:
                raise bad_request(f"tickers holds {len(tickers or [])} names, expected 1 to {MOST_ORDERBOOKS}")
            rows = [{"ticker": name, "orderbook_fp": render.orderbook(desk.market(name), 0)} for name in tickers]
            return JSONResponse({"orderbooks": rows})

    @routes.get("/markets/trades")
    def trades(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        ticker: str = "",
        min_ts: int | None = None,
        max_ts: int | None = None,
        is_block_trade: bool | None = None,
    ) -> JSONResponse:
        with desk.public(request) as state:
            if ticker:
                desk.market(ticker)
            lines = [] if is_block_trade else tape_of(state, ticker, Window(min_ts, max_ts), archived=False)
            part, after = page(lines, lambda line: line.trade_id, limit, cursor)
            return JSONResponse({"trades": [render.trade(line) for line in part], "cursor": after})

    @routes.get("/markets/{ticker}")
    def market_one(request: Request, ticker: str) -> JSONResponse:
        with desk.public(request) as state:
            market = desk.market(ticker)
            if market is None or is_archived_market(market, state.now):
                raise not_found(f"market {ticker}")
            return JSONResponse({"market": render.market(market, state.now)})

    @routes.get("/markets/{ticker}/orderbook")
    def orderbook(request: Request, ticker: str, depth: Depth = 0) -> JSONResponse:
        with desk.public(request):
            return JSONResponse({"orderbook_fp": render.orderbook(desk.market(ticker), depth)})

    return routes
