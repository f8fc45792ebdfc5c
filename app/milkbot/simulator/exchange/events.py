"""Series and events: no key needed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.domain.cities import Series
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.engine.rejects import not_found
from milkbot.simulator.engine.state import State
from milkbot.simulator.exchange import render_market as render
from milkbot.simulator.exchange.archive import is_archived_market
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import Window, names, statuses
from milkbot.simulator.exchange.paging import page

EventLimit = Annotated[int, Query(ge=1, le=200)]


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything that the caller may see."""
    routes = APIRouter()

    @routes.get("/series")
    def series_list(request: Request, category: str = "") -> JSONResponse:
        with desk.public(request):
            shown = desk.series if category in ("", render.CATEGORY) else ()
            return JSONResponse({"series": [render.series(series) for series in shown]})

    @routes.get("/series/{ticker}")
    def series_one(request: Request, ticker: str) -> JSONResponse:
        with desk.public(request):
            return JSONResponse({"series": render.series(_listed(desk, ticker))})

    @routes.get("/events")
    def event_list(
        request: Request,
        *,
        limit: EventLimit = 200,
        cursor: str = "",
        with_nested_markets: bool = False,
        status: str = "",
        series_ticker: str = "",
        tickers: str = "",
        min_close_ts: int | None = None,
    ) -> JSONResponse:
        with desk.public(request) as state:
            wanted, only, window = statuses(status), names(tickers), Window(min_close_ts, None)
            plans = [
                plan
                for plan in _newest_first(state)
                if plan.status(state.now) in wanted
                and series_ticker in ("", plan.series.ticker)
                and (not only or plan.ticker in only)
                and window.holds(plan.closes_at)
            ]
            part, after = page(plans, lambda plan: plan.ticker, limit, cursor)
            events = [render.event(plan) for plan in part]
            if with_nested_markets:
                events = [
                    {**body, "markets": _nested(desk, state, plan)} for body, plan in zip(events, part, strict=True)
                ]
            return JSONResponse({"events": events, "cursor": after, "milestones": []})

    @routes.get("/events/{ticker}")
    def event_one(request: Request, ticker: str, *, with_nested_markets: bool = False) -> JSONResponse:
        with desk.public(request) as state:
            if ticker not in state.plans:
                raise not_found(f"event {ticker}")
            plan = state.plans[ticker]
            markets = _nested(desk, state, plan)
            event = render.event(plan)
            return JSONResponse(
                {"event": {**event, "markets": markets} if with_nested_markets else event, "markets": markets}
            )

    @routes.get("/events/{ticker}/metadata")
    def metadata(request: Request, ticker: str) -> JSONResponse:
        with desk.public(request) as state:
            if ticker not in state.plans:
                raise not_found(f"event {ticker}")
            return JSONResponse(render.metadata(state.plans[ticker], state.markets_of(ticker)))

    return routes


def _listed(desk: Desk, ticker: str) -> Series:
    for series in desk.series:
        if series.ticker == ticker:
            return series
    raise not_found(f"series {ticker}")


def _newest_first(state: State) -> list[EventPlan]:
    return sorted(state.plans.values(), key=lambda plan: (plan.created_at, plan.ticker), reverse=True)


def _nested(desk: Desk, state: State, plan: EventPlan) -> list[render.Body]:
    """An event's markets, but for those that only the historical tier has."""
    live = [market for market in state.markets_of(plan.ticker) if not is_archived_market(market, state.now)]
    return [render.market(desk.market(market.ticker) or market, state.now) for market in live]
