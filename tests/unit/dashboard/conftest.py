"""The pages over an API that a test decides, in the pages' own process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from milkbot.dashboard.configured import analytics, settings, views
from milkbot.dashboard.site.answers import PageAnswers
from milkbot.dashboard.site.routes import site_routes

AS_OF = "2026-11-20T12:00:00Z"
POINT = {
    "date": "2026-11-19",
    "starting_equity": "1000.00",
    "ending_equity": "990.00",
    "daily_pnl": "-10.00",
    "cumulative_pnl": "-10.00",
    "drawdown": "10.00",
    "drawdown_pct": "1.00",
    "high_water_mark": "1000.00",
}
TRADE: dict[str, Any] = {
    "ticker": "KXHIGHNY-26NOV20-B60.5",
    "city_code": "NYC",
    "climate_day": "2026-11-20",
    "side": "yes",
    "action": "buy",
    "quantity": "10.00",
    "price": "0.40",
    "fees": "0.17",
    "total_cost": "4.17",
    "realized_pnl": None,
    "trade_time": "2026-11-20T10:00:00Z",
    "strategy_name": "normal_brackets",
}
STRIKE = {"measure": "high", "strike_type": "between", "floor_strike": 60, "cap_strike": 61}
TRADE |= STRIKE
UPPER = {"measure": "high", "strike_type": "greater", "floor_strike": 61, "cap_strike": None}
LOWER = {"measure": "high", "strike_type": "less", "floor_strike": None, "cap_strike": 60}


def bracket(ticker: str, strike: dict[str, Any], probability: float | None, **values: Any) -> dict[str, Any]:
    """One market of an event, as the service answers."""
    prices = {"yes_bid": "0.10", "yes_ask": "0.14", "mid": "0.12", "market_probability": 0.12}
    return {"ticker": ticker, **strike, "probability": probability, **prices, "held_leg": None, "held": "0.00"} | values


EVENT: dict[str, Any] = {
    "event_ticker": "KXHIGHNY-26NOV20",
    "city_code": "NYC",
    "city_name": "New York",
    "station": "KNYC",
    "measure": "high",
    "climate_day": "2026-11-20",
    "day_ends": "2026-11-21T05:00:00Z",
    "as_of": "2026-11-20T15:46:00Z",
    "forecaster": "normal",
    "version": "1",
    "reason": None,
    "forecast_f": 61.0,
    "forecast_sd_f": None,
    "forecast_issued_at": None,
    "observed_f": 60.1,
    "current_f": 60.1,
    "observed_at": None,
    "weather_source": "NWS",
    "brackets": [
        bracket("KXHIGHNY-26NOV20-T60", LOWER, 0.002),
        bracket("KXHIGHNY-26NOV20-B60.5", STRIKE, 0.46, market_probability=0.56, held_leg="yes", held="110.00"),
        bracket("KXHIGHNY-26NOV20-T61", UPPER, 0.538, market_probability=0.32),
    ],
}
MARKET: dict[str, Any] = {
    "ticker": "KXHIGHNY-26NOV19-T61",
    **UPPER,
    "event_ticker": "KXHIGHNY-26NOV19",
    "city_code": "NYC",
    "climate_day": "2026-11-19",
    "first_leg": "yes",
    "trades": 2,
    "bought": "10.00",
    "sold": "0.00",
    "held_leg": "yes",
    "held": "10.00",
    "cost": "1.20",
    "fees": "0.08",
    "first_trade_time": AS_OF,
    "last_trade_time": AS_OF,
    "is_open": False,
    "result": "yes",
    "official_value": "62.00",
    "settled_at": AS_OF,
    "realized_pnl": "8.72",
    "unrealized_pnl": None,
    "marked_at": None,
}
RESULT: dict[str, Any] = {
    "ticker": "KXHIGHNY-26NOV19-T61",
    **UPPER,
    "event_ticker": "KXHIGHNY-26NOV19",
    "city_code": "NYC",
    "climate_day": "2026-11-19",
    "result": "yes",
    "official_value": "62.00",
    "source": "CLINYC",
    "settled_at": AS_OF,
    "first_result": None,
    "first_official_value": None,
    "corrected_at": None,
}
SKILL: dict[str, Any] = {
    "forecaster": "anchored",
    "version": "2",
    "parameters_hash": "0" * 12,
    "lead": "day10",
    "days": 30,
    "events": 412,
    "brier": 0.1012,
    "market_brier": 0.1031,
    "brier_difference": -0.0019,
    "log": 0.31,
    "market_log": 0.32,
    "log_difference": -0.01,
    "rps": 0.1,
    "market_rps": 0.1,
    "rps_difference": 0.0,
    "standing": "unproven",
    "evidence_days": 30,
}
IDENTITY = {name: SKILL[name] for name in ("forecaster", "version", "parameters_hash", "lead")}
BIN_FIELDS = ("low", "high", "n", "said", "happened", "market_n", "market_said", "market_happened")
BINS: list[dict[str, Any]] = [
    {**IDENTITY, **dict(zip(BIN_FIELDS, row, strict=True))}
    for row in (
        (0.0, 0.1, 300, 0.04, 0.02, 280, 0.05, 0.04),
        (0.3, 0.4, 100, 0.34, 0.24, 9, 0.33, 0.56),
        (0.9, 1.0, 0, None, None, 1, 0.95, 1.0),
    )
]
OK = {"status": "ok", "last_seen": AS_OF, "age_seconds": 1}


class Api:
    """Answers as the service gives them; a test changes what it wants to differ."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[str] = []
        self.hero: dict[str, Any] = {
            "mode": "demo",
            "total_pnl": "-10.00",
            "win_rate": "0.25",
            "trades_today": 3,
            "active_positions": 1,
            "as_of": AS_OF,
        }
        self.points = [POINT]
        self.trades = [TRADE]
        self.events = [EVENT]
        self.markets = [MARKET]
        self.results: list[dict[str, Any]] = []
        self.next_cursor: str | None = None
        self.skill = [SKILL]
        self.cities: list[dict[str, Any]] = []
        self.bins = BINS
        self.refused: dict[str, int] = {}
        self.status: dict[str, Any] = {
            "mode": "demo",
            "trading_state": "active",
            "trading_state_code": None,
            "trading_state_since": None,
            "trading_state_until": None,
            "last_tick_started": AS_OF,
            "last_tick_finished": AS_OF,
            "last_rollup": AS_OF,
            "tick_late_seconds": None,
            "rollup_late_seconds": None,
            "delay_minutes": 60,
        }
        self.falls: list[dict[str, Any]] = []
        self.city_results: list[dict[str, Any]] = []
        self.worst: dict[str, Any] | None = None
        self.database_down = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("refused")
        self.asked.append(request.url.path)
        if status := self.refused.get(request.url.path):
            return httpx2.Response(status)
        city = request.url.params.get("city")
        answers: dict[str, Any] = {
            "/v1/metrics/hero": self.hero,
            "/v1/performance/equity": {"mode": "demo", "as_of": AS_OF, "points": self.points},
            "/v1/performance/drawdown": {"mode": "demo", "as_of": AS_OF, "worst": self.worst, "points": self.falls},
            "/v1/metrics/cities": {"mode": "demo", "as_of": AS_OF, "days": 3650, "cities": self.city_results},
            "/v1/trades/recent": {
                "mode": "demo",
                "as_of": AS_OF,
                "delay_minutes": 60,
                "trades": [trade for trade in self.trades if city in {None, trade["city_code"]}],
            },
            "/v1/forecast/today": {
                "mode": "demo",
                "as_of": AS_OF,
                "delay_minutes": 60,
                "events": [event for event in self.events if city in {None, event["city_code"]}],
            },
            "/v1/markets/recent": {
                "mode": "demo",
                "as_of": AS_OF,
                "delay_minutes": 60,
                "markets": [market for market in self.markets if market["city_code"] == city],
                "next_cursor": self.next_cursor,
            },
            "/v1/results/recent": {
                "mode": "demo",
                "as_of": AS_OF,
                "delay_minutes": 60,
                "results": [result for result in self.results if result["city_code"] == city],
                "next_cursor": self.next_cursor,
            },
            "/v1/forecast/skill": {
                "mode": "demo",
                "as_of": AS_OF,
                "days": 90,
                "forecasters": self.skill,
                "cities": self.cities,
            },
            "/v1/forecast/reliability": {
                "mode": "demo",
                "as_of": AS_OF,
                "days": 90,
                "lead": "day10",
                "bins": self.bins,
            },
            "/v1/status": self.status,
            "/v1/health": {
                "status": "ok",
                "release": "dev",
                "components": {"database": OK, "trader": OK, "rollups": OK},
            },
        }
        if self.database_down:
            answers["/v1/health"]["components"]["database"] = {"status": "down"}
            status = 503
        else:
            status = 200
        return httpx2.Response(status, json=answers[request.url.path])


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An API in the page's own process."""
    answering = Api()
    client = httpx2.Client

    def connected(**options: Any) -> httpx2.Client:
        return client(**{**options, "transport": httpx2.MockTransport(answering)})

    monkeypatch.setattr(httpx2, "Client", connected)
    monkeypatch.setenv("ANALYTICS_API_URL", "http://api.test")
    for shared in (settings, analytics, views):
        shared.cache_clear()
    yield answering
    for shared in (settings, analytics, views):
        shared.cache_clear()


class Clock:
    """A monotonic clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def plain(markup: str) -> str:
    """What is read, on one line."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", markup).split()))


@pytest.fixture
def clock() -> Clock:
    """The clock of the answers' ages."""
    return Clock()


@pytest.fixture
def site(api: Api, clock: Clock) -> Iterator[TestClient]:
    """The site's routes alone."""
    del api
    app = Starlette(routes=site_routes(PageAnswers(analytics, 30, clock)))
    with TestClient(app) as client:
        yield client
