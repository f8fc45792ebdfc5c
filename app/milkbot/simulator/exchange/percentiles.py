"""The distribution of an event's temperature that its quotes imply, as percentiles over time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.domain.markets import Strike
from milkbot.simulator.engine.plan import EventPlan, House
from milkbot.simulator.engine.records import Market
from milkbot.simulator.engine.stepping import LAST_STEP
from milkbot.simulator.exchange.candle_routes import Asked, event_markets
from milkbot.simulator.exchange.candles import Body, Span, best_quotes
from milkbot.simulator.exchange.desk import Desk

WHOLE = 10_000
"""A percentile is so many ten-thousandths."""
MOST_PERCENTILES = 10
HALF = 0.5
TAIL_DEGREES = 2.0
"""How far either tail is taken to reach; no market says."""


Percentile = Annotated[int, Query(ge=0, lt=WHOLE)]
Percentiles = Annotated[list[Percentile], Query(min_length=1, max_length=MOST_PERCENTILES)]


def router(desk: Desk) -> APIRouter:
    """The one route, which changes nothing."""
    routes = APIRouter()

    @routes.get("/series/{series}/events/{ticker}/forecast_percentile_history")
    def of_event(request: Request, series: str, ticker: str, percentiles: Percentiles, span: Asked) -> JSONResponse:
        with desk.signed(request) as (state, _):
            points = _history(desk.house, event_markets(state, series, ticker), percentiles, span, state.now)
            return JSONResponse({"forecast_history": list(points)})

    return routes


def _history(house: House, markets: list[Market], percentiles: list[int], span: Span, now: datetime) -> Iterator[Body]:
    """One point for each period of an event's life that has ended; `markets` are in order of temperature."""
    plan = markets[0].plan
    for _, end in span.periods(plan.opens_at, min(plan.closes_at, now)):
        if end <= now:
            moment = min(end, plan.closes_at - LAST_STEP)
            weights = [sum(best_quotes(house, market, moment)) for market in markets]
            yield {
                "event_ticker": plan.ticker,
                "end_period_ts": int(end.timestamp()),
                "period_interval": span.period_interval,
                "percentile_points": [_point(plan, weights, percentile) for percentile in percentiles],
            }


def _point(plan: EventPlan, weights: list[int], percentile: int) -> Body:
    degrees = _degrees(plan, weights, percentile / WHOLE * sum(weights))
    return {
        "percentile": percentile,
        "raw_numerical_forecast": degrees,
        "numerical_forecast": round(degrees),
        "formatted_forecast": f"{round(degrees)}°",
    }


def _degrees(plan: EventPlan, weights: list[int], wanted: float) -> float:
    """Where the weights up to there add up to `wanted`, evenly spread within each bracket."""
    low, high = _bounds(plan.strikes[0])
    for strike, weight in zip(plan.strikes, weights, strict=True):
        low, high = _bounds(strike)
        if wanted < weight:
            return low + (high - low) * wanted / weight
        wanted -= weight
    return high


def _bounds(strike: Strike) -> tuple[float, float]:
    """The edges of a bracket between whole degrees."""
    if strike.floor is None:
        return (strike.cap or 0) - HALF - TAIL_DEGREES, (strike.cap or 0) - HALF
    if strike.cap is None:
        return strike.floor + HALF, strike.floor + HALF + TAIL_DEGREES
    return strike.floor - HALF, strike.cap + HALF
