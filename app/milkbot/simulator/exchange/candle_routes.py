"""Candlesticks of a market, of an event's markets, of any list of markets, and of markets long settled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.engine.records import Market
from milkbot.simulator.engine.rejects import bad_request, not_found
from milkbot.simulator.engine.state import State
from milkbot.simulator.exchange.candles import Body, Span, candlesticks, historical
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import names

MOST_MARKETS = 100

Asked = Annotated[Span, Depends()]


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything. They stand before those with a ticker in their path."""
    routes = APIRouter()

    def shown(state: State, market: Market, span: Span) -> list[Body]:
        return candlesticks(desk.house, market, state.trades, span, state.now)

    @routes.get("/series/{series}/markets/{ticker}/candlesticks")
    def of_market(request: Request, series: str, ticker: str, span: Asked) -> JSONResponse:
        with desk.public(request) as state:
            market = state.markets.get(ticker)
            if market is None or market.plan.series.ticker != series:
                raise not_found(f"market {ticker} of series {series}")
            return JSONResponse({"ticker": ticker, "candlesticks": shown(state, market, span)})

    @routes.get("/series/{series}/events/{ticker}/candlesticks")
    def of_event(request: Request, series: str, ticker: str, span: Asked) -> JSONResponse:
        with desk.public(request) as state:
            markets = event_markets(state, series, ticker)
            return JSONResponse(
                {
                    "market_tickers": [market.ticker for market in markets],
                    "market_candlesticks": [shown(state, market, span) for market in markets],
                    "adjusted_end_ts": span.end_ts,
                }
            )

    @routes.get("/markets/candlesticks")
    def of_many(request: Request, market_tickers: str, span: Asked) -> JSONResponse:
        wanted = names(market_tickers)
        with desk.public(request) as state:
            if not 1 <= len(wanted) <= MOST_MARKETS:
                raise bad_request(f"market_tickers holds {len(wanted)} names, expected 1 to {MOST_MARKETS}")
            found = [state.markets[ticker] for ticker in sorted(wanted & state.markets.keys())]
            rows = [{"market_ticker": market.ticker, "candlesticks": shown(state, market, span)} for market in found]
            return JSONResponse({"markets": rows})

    @routes.get("/historical/markets/{ticker}/candlesticks")
    def of_archived(request: Request, ticker: str, span: Asked) -> JSONResponse:
        with desk.public(request) as state:
            market = desk.archived_market(state, ticker)
            return JSONResponse({"ticker": ticker, "candlesticks": historical(desk.house, market, state.trades, span)})

    return routes


def event_markets(state: State, series: str, ticker: str) -> list[Market]:
    """An event's markets in order of temperature. Raises RejectError (404) for an event of another series."""
    if ticker not in state.plans or state.plans[ticker].series.ticker != series:
        raise not_found(f"event {ticker} of series {series}")
    return state.markets_of(ticker)
